using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using Calico.Benchmarks.Policy;
using Calico.Dataplane;
using Calico.Dataplane.Workloads;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Linux.Namespaces;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.Benchmarks.Heal;

/// <summary>The product's loop with two workloads, of which one is denied what the other sends; and a stranger with sockets of his
/// own.</summary>
internal sealed class HealedNode : IAsyncDisposable
{
    public const string ClientLink = "calia";
    public const string ServerLink = "calib";

    private const int Policies = 300;
    private const int Sets = 30;
    private const int MembersOfSet = 300;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly DataplaneLoop _loop;
    private readonly WorkloadWiring _wiring;
    private readonly List<NetworkNamespaceFile> _workloads = [];

    public HealedNode()
    {
        var network = new HostNetwork(Bench.Broker, Bench.Host);
        var options = new DataplaneOptions { NodeName = PolicyNode.Name };
        _loop = new(options, network, TimeProvider.System, NullLoggerFactory.Instance);
        _wiring = new(_loop, network, options, TimeProvider.System, NullLoggerFactory.Instance);
        Nft = Bench.Broker.Run(Bench.Host, () => NftSocket.Open());
        Route = Bench.Broker.Run(Bench.Host, () => RouteSocket.Open());
    }

    public BenchHost Bench { get; } = new();

    /// <summary>The stranger's.</summary>
    public NftSocket Nft { get; }

    /// <summary>The stranger's.</summary>
    public RouteSocket Route { get; }

    public static NftTable Table { get; } = new(NftFamily.Inet, "calico");

    public DataplaneStatus Status => _loop.Completion.IsFaulted ? throw _loop.Completion.Exception : _loop.Status;

    public event EventHandler<string> LinkGone
    {
        add => _loop.LinkGone += value;
        remove => _loop.LinkGone -= value;
    }

    public async Task<DeniedFlood> StartAsync()
    {
        await Bench.ShellAsync("ip link set lo up");
        await _loop.StartAsync(CancellationToken.None);
        StoredValue[] values =
        [
            PolicyResources.OpenProfile, .. Enumerable.Range(0, Sets).Select(s => PolicyResources.Set(s, MembersOfSet)),
            .. PolicyResources.OfGroups(Policies, 1, Sets),
            PolicyResources.Policy("last", 1_000, "group == 'g0'", [PolicyResources.Tcp(80)]),
        ];
        _loop.Accept(new(SyncStatus.InSync, 1, [.. values.Select(v => v.Decode())]));
        await WireAsync(0, ClientLink);
        await WireAsync(1, ServerLink);
        return new(Bench.Broker, _workloads[0], _workloads[1], new(AddressOf(1), 5000));
    }

    /// <summary>A workload with a pair, enforced.</summary>
    public async Task WireAsync(int number, string link)
    {
        if (_workloads.Count <= number)
        {
            _workloads.Add(Bench.Broker.Create());
        }

        var endpoint = PolicyResources.Endpoint(number, 0, link, $"{AddressOf(number)}");
        using var patience = new CancellationTokenSource(Patience);
        await _wiring.WireAsync(new()
        {
            Id = endpoint.Id,
            HostInterface = link,
            PeerInterface = "eth0",
            Namespace = _workloads[number].Descriptor,
            Mac = PhysicalAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"02-00-00-00-00-{number + 1:x2}")),
            Mtu = 1500,
            Addresses = endpoint.Addresses,
            Gateway4 = IPAddress.Parse("169.254.1.1"),
        }, patience.Token);
        await _loop.PublishAsync(endpoint, patience.Token);
    }

    public async Task WithdrawAsync(int number, string link)
    {
        using var patience = new CancellationTokenSource(Patience);
        await _loop.WithdrawAsync(PolicyResources.Endpoint(number, 0, link).Id, patience.Token);
    }

    /// <summary>All that acts of our table, each chain's rules in order.</summary>
    public FrozenSet<(string Of, int At, object What)> Read()
    {
        var state = Nft.ReadTable(Table) ?? throw new InvalidOperationException("there is no table");
        return state.Rules.GroupBy(r => r.Chain).SelectMany(chain => chain.Select((rule, at) => (chain.Key, at, (object)rule.Content)))
            .Concat(state.Elements.SelectMany(set => set.Value.Select(e => (set.Key, 0, (object)(e.Key, e.Data, e.Verdict)))))
            .Concat(state.Chains.Select(c => ("", 0, (object)c.Name))).ToFrozenSet();
    }

    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        await _wiring.DisposeAsync();
        Nft.Dispose();
        Route.Dispose();
        _workloads.ForEach(w => w.Dispose());
        Bench.Dispose();
    }

    public static IPAddress AddressOf(int number) => new([10, 65, 0, (byte)(number + 2)]);
}
