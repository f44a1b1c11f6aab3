using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Host.Workloads;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Whatever a runtime calls its containers, pods and networks: another node reads what this one writes.</summary>
[TestFixture, Parallelizable]
public sealed class WrittenNamesTests
{
    private const int Endpoints = 10_000;
    private const int Networks = 100;
    private const string Prefix = "/calico/resources/v3/projectcalico.org/";

    private static readonly string[] Nodes = ["node-1", "node", "a-node.of.a-long.domain-name.example"];

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("cni");

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public void Ports_that_the_host_leads_to_it_are_written_and_name_nothing()
    {
        var record = new RuntimeNames(1).Endpoint(0) with
        {
            NamedPorts = [new("http", 6, 80)],
            Ports = [new(6, null, 0, 0, 80) { Taken = 49153 }, new(17, "127.0.0.1", 53, 0, 53) { Taken = 53 }, new(6, null, 99, 0, 99)],
        };

        var resource = WorkloadEndpointResource.From(record, "node", DateTimeOffset.UnixEpoch);
        var update = Read(WorkloadEndpointResource.KeyOf(record.Namespace, resource.Metadata.Name),
            WorkloadEndpointResource.Encode(resource));

        Assert.That(Kinds.WorkloadEndpoint.TryRead(update, out var read), Is.True);
        Assert.That(read!.Spec.Ports!.Value.Select(p => $"{p.Name} {p.Protocol} {p.Port} {p.HostPort} {p.HostIp}"),
            Is.EqualTo(new[] { "http TCP 80  ", " TCP 80 49153 ", " UDP 53 53 127.0.0.1" }), "one that got no port is not there");
    }

    [Test]
    public async Task A12_every_endpoint_of_every_runtimes_names_is_a_member_on_another_node()
    {
        var seed = TestContext.CurrentContext.Random.Next();
        TestContext.Out.WriteLine($"seed {seed}");
        var names = new RuntimeNames(seed);
        var graph = new CalculationGraph("viewer");
        var networks = await MakeNetworksAsync(names);
        foreach (var profile in _host.Store.Snapshot(Prefix + "profiles/"))
        {
            graph.Apply(new(SyncStatus.Resync, 1, [Read(profile.Key, profile.Value)]));
        }

        var members = networks.ToDictionary(n => n, _ => new HashSet<Cidr>());
        var keys = new HashSet<string>();
        var ids = new HashSet<(int, WorkloadEndpointId)>();
        for (var i = 0; i < Endpoints; i++)
        {
            var network = networks[i % Networks];
            var record = names.Endpoint(i) with { Profiles = [network] };
            if (!ids.Add((i % 3, record.Id)))
            {
                // A name of one letter comes more than once.
                continue;
            }

            var resource = WorkloadEndpointResource.From(record, Nodes[i % 3], DateTimeOffset.UnixEpoch);
            var key = WorkloadEndpointResource.KeyOf(record.Namespace, resource.Metadata.Name);
            Assert.That(keys.Add(key), $"{record.Id}: its key is another's: {key}");
            var update = Read(key, WorkloadEndpointResource.Encode(resource));
            Assert.That(Kinds.WorkloadEndpoint.TryRead(update, out var read) ? EndpointIdentity.Of(read) : default, Is.EqualTo(record.Id));
            graph.Apply(new(SyncStatus.Resync, 1, [update]));
            members[network].Add(Cidr.Parse(record.Addresses[0]));
        }

        foreach (var (network, index) in networks.Select((n, i) => (n, i)))
        {
            graph.Set(new() { Id = new("cni", $"here{index}", "eth0"), InterfaceName = $"calihere{index}",
                Addresses = [IPNetwork.Parse($"10.255.0.{index}/32")], Profiles = [network] });
            members[network].Add(Cidr.Parse($"10.255.0.{index}/32"));
        }

        graph.Apply(new(SyncStatus.InSync, 2, []));
        var seen = Seen(graph.Flush());
        foreach (var (network, index) in networks.Select((n, i) => (n, i)))
        {
            Assert.That(seen[$"here{index}"], Is.EquivalentTo(members[network]), network);
        }
    }

    [Test]
    public async Task A12_names_that_differ_a_little_are_different_endpoints()
    {
        foreach (var id in (string[])["Web_1", "web_1", "a.b", "a_b", "A.b", "a-b", "a--b", "x--a-5fb"])
        {
            using var place = _host.CreateNamespace();
            await _host.Network.ConnectAsync(Spec(new("cni", id, "eth0")), Placement.In(place, "eth0"), CancellationToken.None);
        }

        var stored = (await _host.SeeAsync()).OwnEndpoints;
        Assert.That(stored.Select(e => EndpointIdentity.Of(e.Value).Workload),
            Is.EquivalentTo(new[] { "Web_1", "web_1", "a.b", "a_b", "A.b", "a-b", "a--b", "x--a-5fb" }));
        Assert.That(stored.Select(e => e.Value.Metadata.Name), Has.Member("node1-cni-x------57eb--5f1-eth0"));
    }

    [Test]
    public async Task A12_a_pod_with_the_longest_names_is_read_by_others()
    {
        var (ns, pod) = (new string('n', 63), new string('p', 253));
        using var place = _host.CreateNamespace();
        await _host.Network.ConnectAsync(Spec(new("k8s", $"{ns}.{pod}", "eth0")) with
        {
            Namespace = ns,
            Facts = ImmutableSortedDictionary<string, string>.Empty.Add("pod", pod).Add("containerID", "c1"),
        }, Placement.In(place, "eth0"), CancellationToken.None);
        Assert.That(EndpointIdentity.Of((await _host.SeeAsync()).OwnEndpoints.Single().Value).Workload, Is.EqualTo($"{ns}.{pod}"));
    }

    [TestCase("label", "spec")]
    [TestCase("profile", "spec.profiles[0]")]
    [TestCase("namespace", "namespace")]
    [TestCase("port", "spec.ports[0].name")]
    public async Task A12_what_other_nodes_would_refuse_is_refused_here_before_anything_is_claimed(string what, string path)
    {
        var spec = Spec(new("cni", "c1", "eth0"));
        spec = what switch
        {
            "label" => spec with { Labels = ImmutableSortedDictionary<string, string>.Empty.Add("a", new string('v', 64)) },
            "profile" => spec with { Profiles = ["My_Net"] },
            "namespace" => spec with { Namespace = "Prod" },
            _ => spec with { NamedPorts = [new("Not A Port", System.Net.Sockets.ProtocolType.Tcp, 80)] },
        };
        using var place = _host.CreateNamespace();
        var refusal = await Assert.ThrowsAsync<CalicoException>(() =>
            _host.Network.ConnectAsync(spec, Placement.In(place, "eth0"), CancellationToken.None));
        Assert.That(refusal!.Problem, Is.EqualTo(Problem.Invalid));
        Assert.That(refusal.Path, Does.StartWith(what == "label" ? "metadata.labels" : path));
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A12_labels_that_other_nodes_would_refuse_leave_the_endpoint_as_it_was()
    {
        var id = new WorkloadEndpointId("cni", "c1", "eth0");
        using var place = _host.CreateNamespace();
        await _host.Network.ConnectAsync(Spec(id), Placement.In(place, "eth0"), CancellationToken.None);
        var change = new EndpointChange(ImmutableSortedDictionary<string, string>.Empty.Add("not a key", "x"));
        var refusal = await Assert.ThrowsAsync<CalicoException>(() => _host.Dataplane.UpdateAsync(id, change, CancellationToken.None));
        Assert.That(refusal!.Problem, Is.EqualTo(Problem.Invalid));
        Assert.That((await _host.SeeAsync()).OwnEndpoints, Has.Length.EqualTo(1));
        Assert.That(_host.Connector.Find(id).Record.Labels, Is.Empty);
    }

    [Test]
    public async Task A12_one_record_that_the_store_cannot_have_does_not_keep_the_others_from_it()
    {
        foreach (var name in (string[])["c1", "c2"])
        {
            using var place = _host.CreateNamespace();
            await _host.Network.ConnectAsync(Spec(new("cni", name, "eth0")), Placement.In(place, "eth0"), CancellationToken.None);
        }

        // As an earlier version recorded it.
        var odd = _host.Connector.Find(new("cni", "c1", "eth0"));
        odd.Replace(odd.Record with { Labels = ImmutableSortedDictionary<string, string>.Empty.Add("not a key", "x") });
        foreach (var stored in _host.Store.Snapshot(Prefix + "workloadendpoints/"))
        {
            _host.Store.Remove(stored.Key);
        }

        Assert.That(await _host.PublishAsync(await _host.SeeAsync()), Is.EqualTo(1));
        Assert.That((await _host.SeeAsync()).OwnEndpoints.Select(e => EndpointIdentity.Of(e.Value).Workload), Is.EqualTo(new[] { "c2" }));
    }

    [TestCase("Blue")]
    [TestCase("my_net")]
    [TestCase("0")]
    [TestCase("a..b")]
    [TestCase("net-")]
    [TestCase("a-network-whose-name-is-longer-than-the-key-of-a-label-may-be-in-kubernetes")]
    public async Task A12_a_networks_profile_is_valid_whatever_the_network_is_called(string network)
    {
        var name = await _host.Profiles.EnsureAsync(network, Defaults(network), CancellationToken.None);
        var stored = _host.Store.Snapshot(Prefix + "profiles/").Single();
        Assert.That(stored.Key, Does.EndWith("/" + name));
        Assert.That(Read(stored.Key, stored.Value).Value, Is.Not.Null);
        await _host.Profiles.RemoveAsync(network, CancellationToken.None);
        Assert.That(_host.Store.Snapshot(Prefix + "profiles/"), Is.Empty);
    }

    private static EndpointSpec Spec(WorkloadEndpointId id) => new()
    {
        Id = id,
        Instance = "c1",
        Profiles = ["net"],
        Claim = new() { Handle = "net." + id.Workload, Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
    };

    private static ProfileDefaults Defaults(string network) => new(false, ImmutableSortedDictionary<string, string>.Empty.Add(network, ""));

    private static SyncUpdate Read(string key, ReadOnlyMemory<byte> value)
    {
        Assert.That(ResourceKinds.All.TryDecode(key, value, out var update), key);
        Assert.That(update!.Value, Is.Not.Null, $"{key}: {update.Error}");
        return update;
    }

    private async Task<List<string>> MakeNetworksAsync(RuntimeNames names)
    {
        var called = new HashSet<string> { "my_net", "my-net", "My_Net" };
        while (called.Count < Networks)
        {
            called.Add(names.Cni(255));
        }

        var made = new List<string>();
        foreach (var network in called)
        {
            made.Add(await _host.Profiles.EnsureAsync(network, Defaults(network), CancellationToken.None));
        }

        Assert.That(made, Is.Unique);
        return made;
    }

    /// <summary>By the workload's name: whoever its profile's first rule lets in.</summary>
    private static Dictionary<string, List<Cidr>> Seen(IReadOnlyList<DataplaneUpdate> updates)
    {
        var sets = updates.OfType<IpSetUpdate>().ToDictionary(u => u.Id, u => u.Added.Items.Select(m => m.Address).ToList());
        var lists = updates.OfType<RuleListUpdate>().ToDictionary(u => u.List.Id, u => u.List);
        return updates.OfType<EndpointUpdate>().ToDictionary(u => u.Id.Workload,
            u => u.Ingress.Lists.SelectMany(l => lists[l].Sets).Distinct().SelectMany(s => sets[s]).ToList());
    }
}
