using System.Collections.Immutable;
using System.Net.Sockets;
using System.Text.Json;
using Calico.Host.Health;

namespace Calico.Host.Commands;

/// <summary>Asks the running host which adapters it has loaded.</summary>
/// <param name="socket">Its control socket.</param>
internal sealed class LoadedAdapters(string socket)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>What it says; a host that does not answer says nothing.</summary>
    public async Task<Answer> AskAsync(CancellationToken ct)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), token);
                return new NetworkStream(connection, ownsSocket: true);
            },
        }) { Timeout = Patience, BaseAddress = new("http://host/") };
        try
        {
            var report = await JsonSerializer.DeserializeAsync(await client.GetStreamAsync("status", ct),
                StatusJson.Default.StatusReport, ct);
            return new(true, report?.Plugins ?? [], report?.Health ?? []);
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or IOException
            || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return new(false, [], []);
        }
    }

    /// <param name="IsRunning">A host answered.</param>
    /// <param name="Plugins">Those that it has loaded.</param>
    /// <param name="Health">What its parts say.</param>
    internal sealed record Answer(bool IsRunning, ImmutableArray<PluginReport> Plugins, ImmutableArray<HealthLine> Health)
    {
        /// <summary>Lines about adapters that are not well.</summary>
        public IEnumerable<string> Troubles => Health.Where(h => !h.Ok
            && (h.Check == "adapter" || h.Check.StartsWith("version ", StringComparison.Ordinal)))
            .Select(h => $"{h.Part}: {h.Reason}");

        /// <summary>Of one version: <c>loaded</c>, <c>kept</c> (another version is loaded), <c>not loaded</c>, or <c>-</c>: no host runs.
        /// </summary>
        public string StateOf(string name, string version) =>
            !IsRunning ? "-"
            : Plugins.FirstOrDefault(p => p.Name == name) is not { } loaded ? "not loaded"
            : loaded.Version == version ? "loaded" : "kept";
    }
}
