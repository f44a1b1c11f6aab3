using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Ipam;

/// <summary>How the node log's section <c>ipam/</c> is written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(LeaseRecord))]
[JsonSerializable(typeof(HeldAddress))]
[JsonSerializable(typeof(LoggedFacts))]
internal sealed partial class LeaseJson : JsonSerializerContext;
