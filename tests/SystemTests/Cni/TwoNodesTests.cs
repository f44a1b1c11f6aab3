using System.Diagnostics;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Cni;

/// <summary>Two nodes on one etcd: what one of them writes, the other reads and enforces, whatever a runtime calls things.</summary>
/// <remarks>No routes are exchanged yet: the test gives each host one for every address of the other.</remarks>
[TestFixture, Parallelizable]
public sealed class TwoNodesTests
{
    private const int Here = 61;
    private const int There = 62;

    // A network of pods that would let in everybody, as Kubernetes wants it, so a person's profile stands before the first.
    private const string Pods = "pods";
    private const string PodsProfile = """
        apiVersion: projectcalico.org/v3
        kind: Profile
        metadata: {name: pods}
        spec:
          labelsToApply: {pods: ""}
          ingress: [{action: Allow, source: {selector: has(pods)}}]
          egress: [{action: Allow}]
        """;

    private static readonly TimeSpan Told = TimeSpan.FromSeconds(30);

    private readonly List<(CniHost Node, string Name, string Netns, string Conf, string Args)> _added = [];
    private CniHost? _here;
    private CniHost? _there;
    private FabricEtcd? _etcd;

    /// <summary>Container id, network, CNI_ARGS: a dozen that some rule or other of ours once refused.</summary>
    private static readonly (string Id, string Network, string Args)[] Odd =
    [
        ("Web_1", "net1", ""),
        ("web_1", "net1", ""),
        ("a.b", "my_net", ""),
        ("a_b", "my_net", ""),
        ("A.b", "Blue", ""),
        (string.Concat(Enumerable.Repeat("0123456789abcdef", 4)), "Blue", ""),
        ("x--a-5fb", Long, ""),
        (new string('C', 200), Long, ""),
        ("0", "0", ""),
        ("upper", Pods, "K8S_POD_NAMESPACE=prod;K8S_POD_NAME=Web-Upper"),
        ("under", Pods, "K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web_under"),
        ("long", Pods, $"K8S_POD_NAMESPACE={new string('n', 63)};K8S_POD_NAME={new string('p', 253)}"),
        ("dots", Pods, "K8S_POD_NAMESPACE=prod;K8S_POD_NAME=a.b.c"),
    ];

    private static string Long => new('L', 64);

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _here = await CniHost.StartAsync(host => Configure(host, "node1"), Here, startCalico: false);
        _there = await CniHost.StartAsync(host => Configure(host, "node2"), There, startCalico: false, _here.Host.Fabric);
        _etcd = await FabricEtcd.StartAsync(_here.Host);
        foreach (var node in (CniHost[])[_here, _there])
        {
            await node.Host.ShellAsync("cat > /etc/calico/calicoctl.cfg", $$"""
                apiVersion: projectcalico.org/v3
                kind: CalicoAPIConfig
                metadata: {}
                spec: {datastoreType: etcdv3, etcdEndpoints: "{{FabricEtcd.Endpoint}}"}
                """);
            await node.Host.StartCalicoAsync();
        }
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        // The second host's uplink ends in a namespace of the first.
        foreach (var part in (IAsyncDisposable?[])[_there, _etcd, _here])
        {
            if (part is not null)
            {
                await part.DisposeAsync();
            }
        }
    }

    [Test]
    public async Task A12_what_is_added_on_one_node_is_reached_from_another_whatever_it_is_called()
    {
        var (here, there) = (_here!, _there!);
        (await here.Host.CalicoctlAsync("apply -f -", PodsProfile)).OrThrow();
        var viewers = new Dictionary<string, (string Netns, string Address)>();
        foreach (var network in Odd.Select(o => o.Network).Distinct())
        {
            var netns = $"v{viewers.Count}";
            viewers[network] = (netns, await AddAsync(there, here, $"viewer{viewers.Count}", netns, network, "", There));
        }

        for (var i = 0; i < Odd.Length; i++)
        {
            var (id, network, args) = Odd[i];
            var (viewer, viewed) = viewers[network];
            var address = await AddAsync(here, there, id, $"o{i}", network, args, Here);
            // By label: the viewer's profile lets in who has its network's, and only a member of that set has it on this node.
            await ReachesAsync(here, $"o{i}", viewed, $"{id} of {network} {args}, as a source on the other node");
            await ReachesAsync(there, viewer, address, $"{id} of {network} {args}, from the other node");
        }

        foreach (var (network, (_, viewed)) in viewers.Where(v => v.Key != Odd[0].Network))
        {
            Assert.That(await here.PingAsync("o0", viewed), Is.False,
                $"{Odd[0].Network} is not {network}: a set that lets in everybody shows nothing");
        }

        foreach (var (node, name, netns, conf, args) in _added)
        {
            (await node.CallAsync("DEL", name, $"/run/netns/{netns}", conf, args: args)).OrThrow();
        }

        // The endpoints of both nodes are in one store.
        await here.AssertCleanAsync();
        await there.AssertCleanAsync();
    }

    private static void Configure(TestHost host, string name)
    {
        host.Settings["NODENAME"] = name;
        host.Settings["DATASTORE_TYPE"] = "etcdv3";
        host.Settings["ETCD_ENDPOINTS"] = FabricEtcd.Endpoint;
    }

    /// <summary>ADD on a node, and a route to it on the other one.</summary>
    private async Task<string> AddAsync(CniHost node, CniHost other, string id, string netns, string network, string args, int via)
    {
        var conf = CniHost.Conf.Replace("net1", network, StringComparison.Ordinal);
        await node.AddNamespaceAsync(netns);
        var address = await node.AddAsync(id, netns, conf, args: args);
        _added.Add((node, id, netns, conf, args));
        await other.Host.ShellAsync($"ip route add {address} via 198.51.100.{via}");
        return address;
    }

    private static async Task ReachesAsync(CniHost node, string netns, string address, string what)
    {
        for (var clock = Stopwatch.StartNew(); !await node.PingAsync(netns, address);)
        {
            Assert.That(clock.Elapsed, Is.LessThan(Told), $"not reached: {what}\n{await node.Host.TailAsync()}");
        }
    }
}
