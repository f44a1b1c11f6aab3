using System.Net;
using System.Net.NetworkInformation;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.SystemTests.Sdk.Bridge;

/// <summary>What the contracts take and return, as JSON: the same on both ends.</summary>
internal static class ContractJson
{
    /// <param name="open">A path to a network namespace of the reader; null where none is read.</param>
    public static JsonSerializerOptions Options(Func<string, NetworkNamespace>? open = null) => new()
    {
        IncludeFields = true,
        Converters =
        {
            new As<IPAddress>(IPAddress.Parse, a => a.ToString()),
            new As<IPNetwork>(IPNetwork.Parse, n => n.ToString()),
            new As<PhysicalAddress>(PhysicalAddress.Parse, m => m.ToString()),
            new As<WorkloadEndpointId>(
                t => t.Split('\n') is [var orchestrator, var workload, var endpoint]
                    ? new(orchestrator, workload, endpoint)
                    : throw new FormatException(t),
                id => $"{id.Orchestrator}\n{id.Workload}\n{id.Endpoint}"),
            new As<Placement>(
                t => t.Split('\n') is [var name, _, var path] && path.Length > 0
                    ? Placement.In(open!(path), name)
                    : Placement.HandedOver(t.Split('\n')[0], t.Split('\n')[1]),
                place => $"{place.InterfaceName}\n{place.NamespaceGroup}\n{place.Namespace}"),
        },
    };

    private sealed class As<T>(Func<string, T> read, Func<T, string> write) : JsonConverter<T>
    {
        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => read(reader.GetString()!);

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(write(value));
    }
}

/// <summary>A call of a contract: <c>IIpam</c>, <c>ClaimAsync</c> and what stands before the token, in order.</summary>
internal sealed record BridgeCall(string Contract, string Method, JsonElement[] Arguments);

/// <summary>One line of an answer: the result, an item of a stream that is not at its end, or the problem.</summary>
internal sealed record BridgeAnswer(JsonElement? Result = null, bool More = false, Problem? Problem = null, string Message = "",
    string? Path = null);
