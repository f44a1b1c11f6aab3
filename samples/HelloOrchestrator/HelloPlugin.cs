using System.Collections.Immutable;
using System.Net.Sockets;
using Calico;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

[assembly: CalicoContract(1, 0)]

namespace HelloOrchestrator;

/// <summary>The smallest adapter: an orchestrator whose whole protocol is "up ID NETNS", "down ID" and "ls" on a unix socket.</summary>
public sealed class HelloPlugin : IOrchestratorPlugin
{
    public string Name => "hello";

    public void Configure(IPluginBuilder builder)
    {
        builder.Listen(new("api", "/run/calico/hello.sock", UnixFileMode.UserRead | UnixFileMode.UserWrite));
        builder.Services.AddHostedService<HelloServer>();
    }
}

/// <summary>One line in, one line out.</summary>
internal sealed class HelloServer(IListeners listeners, IWorkloadNetwork network, INetworkNamespaces namespaces, IProfiles profiles,
    IPluginLifetime life) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, life.Draining);
        using var socket = listeners.Take("api");
        while (!stop.IsCancellationRequested)
        {
            await ServeAsync(await socket.AcceptAsync(stop.Token), stop.Token);
        }
    }

    private async Task ServeAsync(Socket client, CancellationToken ct)
    {
        await using var stream = new NetworkStream(client, ownsSocket: true);
        using var reader = new StreamReader(stream);
        await using var writer = new StreamWriter(stream) { AutoFlush = true };
        while (await reader.ReadLineAsync(ct) is { } line)
        {
            await writer.WriteLineAsync(await AnswerAsync(line.Split(' '), ct));
        }
    }

    private async Task<string> AnswerAsync(string[] words, CancellationToken ct)
    {
        try
        {
            switch (words)
            {
                case ["ls"]:
                    return string.Join(' ', (await network.ListAsync(null, ct)).Select(a => $"{a.Id.Workload}={a.Addresses[0].BaseAddress}"));
                case ["down", var id]:
                    await network.DisconnectAsync(new("hello", id, "eth0"), null, ct);
                    return "ok";
                case ["up", var id, var path]:
                    await profiles.EnsureAsync("hello", new(false, ImmutableSortedDictionary<string, string>.Empty), ct);
                    using (var place = namespaces.Open(path))
                    {
                        var claim = new AddressClaim { Handle = $"hello.{id}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 };
                        var spec = new EndpointSpec { Id = new("hello", id, "eth0"), Instance = id, Profiles = ["hello"], Claim = claim };
                        return (await network.ConnectAsync(spec, Placement.In(place, "eth0"), ct)).Addresses[0].BaseAddress.ToString();
                    }

                default:
                    return "error: up ID NETNS | down ID | ls";
            }
        }
        catch (CalicoException e)
        {
            return $"error {e.Problem}: {e.Message}";
        }
    }
}
