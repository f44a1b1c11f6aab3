using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Ipam;

/// <summary>How the node log's section <c>ipam/</c> is written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(LeaseRecord))]
[JsonSerializable(typeof(HeldAddress))]
[JsonSerializable(typeof(JournalledWrites))]
[JsonSerializable(typeof(ImmutableArray<LoggedPool>))]
internal sealed partial class LeaseJson : JsonSerializerContext;

/// <summary>A pool as it was when the store was last seen.</summary>
internal sealed record LoggedPool(string Name, string Cidr, int BlockSize, bool Disabled);
