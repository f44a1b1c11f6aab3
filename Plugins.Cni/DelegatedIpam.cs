using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Calico.Plugins.Cni.Protocol;
using Calico.Shim.Wire;

namespace Calico.Plugins.Cni;

/// <summary>Another IPAM plugin (host-local, dhcp, static, …), run by the shim.</summary>
internal static class DelegatedIpam
{
    /// <summary>An undo has its own time: the call's may be over, and that is why it is undone.</summary>
    private static readonly TimeSpan UndoTime = TimeSpan.FromSeconds(10);

    public static async Task<CniResult> AddAsync(CniRequest request, CancellationToken ct)
    {
        var type = request.Configuration.Ipam.Type;
        var outcome = await RunAsync(request, "ADD", request.Input, ct);
        var result = CniResultReader.Read(outcome.Output, type);
        return result.Addresses.IsEmpty
            ? throw new CniException(CniCode.Calico, "IPAM plugin returned missing IP config", type)
            : result;
    }

    /// <summary>CHECK, GC or STATUS: asked and believed.</summary>
    public static async Task AskAsync(CniRequest request, CancellationToken ct) =>
        await RunAsync(request, request.Call.Verb, request.Input, ct);

    public static async Task DeleteAsync(CniRequest request, CancellationToken ct) =>
        await RunAsync(request, "DEL", WithoutPodCidr(request), ct);

    /// <summary>Gives back what an ADD of this call took.</summary>
    /// <returns>Null, or why it could not be given back: the runtime's own DEL is the second chance.</returns>
    public static async Task<CniException?> UndoAsync(CniRequest request, TimeProvider time)
    {
        using var deadline = new CancellationTokenSource(UndoTime, time);
        try
        {
            await DeleteAsync(request, deadline.Token);
            return null;
        }
        catch (CniException e)
        {
            return e;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or WireFormatException)
        {
            return new CniException(CniCode.TryAgainLater, "the delegate's DEL did not come back", e.Message);
        }
    }

    private static async Task<DelegateOutcome> RunAsync(CniRequest request, string verb, ReadOnlyMemory<byte> input, CancellationToken ct)
    {
        var type = request.Configuration.Ipam.Type;
        // We understand arguments that the delegate may not (K8S_…); upstream prepends the same.
        var args = request.Call.Args.Text.Length == 0 ? "IgnoreUnknown=1" : "IgnoreUnknown=1;" + request.Call.Args.Text;
        var outcome = await request.Delegates
            .RunAsync(new DelegateRequest(type, [new("CNI_COMMAND", verb), new("CNI_ARGS", args)], input), ct);
        if (outcome.ExitCode == 0)
        {
            return outcome;
        }

        if (outcome.ExitCode == DelegateOutcome.NotRun)
        {
            throw new CniException(CniCode.Calico, Encoding.UTF8.GetString(outcome.Output.Span), $"ipam.type: {type}");
        }
        // What the delegate says is for the person who configured it: its code, its words.
        throw CniError.Read(outcome.Output) is { } error
            ? new CniException(error.Code, error.Message, error.Details)
            : new CniException(CniCode.Calico, $"{type} {verb} failed with exit code {outcome.ExitCode}",
                Encoding.UTF8.GetString(outcome.Output.Span));
    }

    /// <summary>host-local frees by container id but wants to read its ranges first; the pod CIDR is gone with the node, so any do.
    /// </summary>
    private static ReadOnlyMemory<byte> WithoutPodCidr(CniRequest request)
    {
        if (!request.Configuration.Ipam.UsesPodCidr)
        {
            return request.Input;
        }

        using var document = JsonDocument.Parse(request.Input);
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            Copy(document.RootElement, writer);
        }

        return buffer.ToArray();

        static void Copy(JsonElement element, Utf8JsonWriter writer)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    writer.WriteStartObject();
                    foreach (var property in element.EnumerateObject())
                    {
                        writer.WritePropertyName(property.Name);
                        Copy(property.Value, writer);
                    }

                    writer.WriteEndObject();
                    break;
                case JsonValueKind.Array:
                    writer.WriteStartArray();
                    foreach (var item in element.EnumerateArray())
                    {
                        Copy(item, writer);
                    }

                    writer.WriteEndArray();
                    break;
                case JsonValueKind.String when "usePodCidr".Equals(element.GetString(), StringComparison.OrdinalIgnoreCase):
                    writer.WriteStringValue("0.0.0.0/0");
                    break;
                case JsonValueKind.String when "usePodCidrIPv6".Equals(element.GetString(), StringComparison.OrdinalIgnoreCase):
                    writer.WriteStringValue("::/0");
                    break;
                default:
                    element.WriteTo(writer);
                    break;
            }
        }
    }
}
