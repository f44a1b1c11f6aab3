using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>Spec of a kind that is stored, checked and shown, and that no part of the program reads by member yet.</summary>
public sealed record OpenSpec
{
    [JsonExtensionData] public Dictionary<string, JsonElement>? Fields { get; set; }
}
