using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

[assembly: CalicoContract(1, 0)]

namespace SplitPlugin;

/// <summary>An adapter for tests of the whole host: a verb of the split life a line, as an orchestrator like Docker would call them.
/// </summary>
public sealed class SplitAdapter : IOrchestratorPlugin
{
    public string Name => "split";

    public void Configure(IPluginBuilder builder)
    {
        builder.Listen(new("api", "/run/calico/split.sock", UnixFileMode.UserRead | UnixFileMode.UserWrite));
        builder.Services.AddHostedService<SplitServer>();
    }
}

/// <summary>One connection, one line in, one line out.</summary>
internal sealed class SplitServer(IListeners listeners, IIpam ipam, IWorkloadDataplane dataplane, INetworkNamespaces namespaces,
    IProfiles profiles,
    IPluginLifetime life) : BackgroundService
{
    // As long as an orchestrator waits before it calls an answer lost.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, life.Draining);
        using var socket = listeners.Take("api");
        while (!stop.IsCancellationRequested)
        {
            await using var stream = new NetworkStream(await socket.AcceptAsync(stop.Token), ownsSocket: true);
            using var reader = new StreamReader(stream);
            await using var writer = new StreamWriter(stream) { AutoFlush = true };
            if (await reader.ReadLineAsync(stop.Token) is { } line)
            {
                await writer.WriteLineAsync(await AnswerAsync(line.Split(' '), stop.Token));
            }
        }
    }

    private async Task<string> AnswerAsync(string[] words, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(Patience);
        var ct = limit.Token;
        try
        {
            return words switch
            {
                ["lease", var id] => (await ipam.ClaimAsync(new() { Handle = $"split.{id}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
                    ct))[0].Address.ToString(),
                ["prepare", var id, var address] => await PrepareAsync(id, IPAddress.Parse(address), ct),
                ["attach", var id, var path] => await AttachAsync(id, path, ct),
                ["detach", var id] => await DoneAsync(dataplane.DetachAsync(IdOf(id), id, ct)),
                ["remove", var id] => await DoneAsync(dataplane.RemoveAsync(IdOf(id), id, ct)),
                ["release", var address] =>
                    await ipam.FindAsync(IPAddress.Parse(address), ct) is { } lease ? $"{await ipam.ReleaseAsync(lease, ct)}" : "free",
                ["leases"] => string.Join(' ', (await ipam.ListAsync(null, ct)).Select(l => l.Address)),
                _ => "error: lease ID | prepare ID ADDRESS | attach ID NETNS | detach ID | remove ID | release ADDRESS | leases",
            };
        }
        catch (CalicoException e)
        {
            return $"error {e.Problem}: {e.Message}";
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return $"error Late: no answer within {Patience.TotalSeconds} s";
        }
    }

    private async Task<string> PrepareAsync(string id, IPAddress address, CancellationToken ct)
    {
        await profiles.EnsureAsync("split", new(false, ImmutableSortedDictionary<string, string>.Empty), ct);
        await dataplane.PrepareAsync(new() { Id = IdOf(id), Instance = id, Network = "split", Profiles = ["split"], Leased = [address] },
            ct);
        return "ok";
    }

    private async Task<string> AttachAsync(string id, string path, CancellationToken ct)
    {
        using var place = namespaces.Open(path);
        var attached = await dataplane.AttachAsync(IdOf(id), id, Placement.In(place, "eth0"), TimeSpan.FromSeconds(1), ct);
        return $"{attached.State}";
    }

    private static async Task<string> DoneAsync(Task work)
    {
        await work;
        return "ok";
    }

    private static WorkloadEndpointId IdOf(string id) => new("split", id, "eth0");
}
