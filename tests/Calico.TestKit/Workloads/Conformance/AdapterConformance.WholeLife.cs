using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;
using NUnit.Framework;

namespace Calico.TestKit.Workloads;

/// <summary>One call for a whole life, as CNI has it.</summary>
public abstract partial class AdapterConformance
{
    [Test]
    public async Task Connect_gives_one_enforced_link_with_an_address_of_the_pool()
    {
        using var networkNamespace = _node.CreateNamespace();
        var attachment = await Cni.AddAsync("c1", networkNamespace);

        Assert.Multiple(() =>
        {
            Assert.That(attachment.State, Is.EqualTo(EndpointState.Enforced));
            Assert.That(attachment.PeerInterface, Is.EqualTo("eth0"));
            Assert.That(attachment.Addresses.Single().PrefixLength, Is.EqualTo(32));
            Assert.That(IPNetwork.Parse(_node.Pool).Contains(attachment.Addresses[0].BaseAddress), Is.True);
            Assert.That(attachment.Gateway4, Is.EqualTo(IPAddress.Parse("169.254.1.1")));
            Assert.That(attachment.Mac, Is.Not.EqualTo(PhysicalAddress.Parse("EE-EE-EE-EE-EE-EE")));
        });
        Assert.That(await _node.ListLinksAsync(), Is.EqualTo(new[] { attachment.HostInterface }));
        Assert.That((await BoundLeasesAsync()).Single().BoundTo, Is.EqualTo(attachment.Id));
    }

    [Test]
    public async Task Connect_again_in_the_same_life_changes_nothing()
    {
        using var networkNamespace = _node.CreateNamespace();
        var first = await Cni.AddAsync("c1", networkNamespace);
        var second = await Cni.AddAsync("c1", networkNamespace);

        Assert.That((second.HostInterface, second.Addresses[0], second.Mac),
            Is.EqualTo((first.HostInterface, first.Addresses[0], first.Mac)));
        Assert.That(await _node.ListLinksAsync(), Has.Length.EqualTo(1));
        Assert.That(await _node.Ipam.ListAsync(null, default), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Connect_after_the_namespace_died_without_a_disconnect_makes_the_link_again()
    {
        var first = _node.CreateNamespace();
        var before = await Cni.AddAsync("c1", first);
        await _node.DestroyNamespaceAsync(first);
        first.Dispose();
        using var second = _node.CreateNamespace();
        var after = await Cni.AddAsync("c1", second);

        Assert.That(after.State, Is.EqualTo(EndpointState.Enforced));
        Assert.That(await _node.ListLinksAsync(), Is.EqualTo(new[] { after.HostInterface }));
        Assert.That(await _node.Ipam.ListAsync(null, default), Has.Length.EqualTo(1));
        Assert.That(before.Id, Is.EqualTo(after.Id));
    }

    [Test]
    public async Task Another_instance_replaces_and_the_old_ones_removal_takes_only_its_addresses()
    {
        var pod = new WorkloadEndpointId("k8s", "default.web", "eth0");
        using var first = _node.CreateNamespace();
        using var second = _node.CreateNamespace();
        await Cni.AddAsync(Cni.Spec("x", id: pod), first);
        var replaced = await Cni.AddAsync(Cni.Spec("y", id: pod), second);
        await _node.Network.DisconnectAsync(pod, "x", default);

        var found = await _node.Network.FindAsync(pod, default);
        Assert.That((found!.Instance, found.State), Is.EqualTo(("y", EndpointState.Enforced)));
        Assert.That(await _node.ListLinksAsync(), Is.EqualTo(new[] { replaced.HostInterface }));
        Assert.That((await _node.Ipam.ListAsync(null, default)).Select(l => l.Address),
            Is.EqualTo(new[] { replaced.Addresses[0].BaseAddress }));
        await _node.Network.DisconnectAsync(pod, "y", default);
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Disconnect_succeeds_for_what_is_gone()
    {
        using var networkNamespace = _node.CreateNamespace();
        await Cni.AddAsync("c1", networkNamespace);
        await Cni.DeleteAsync("c1");
        await Cni.DeleteAsync("c1");
        await Cni.DeleteAsync("never");
        await _node.Network.DisconnectAsync(new WorkloadEndpointId("cni", "never", "eth0"), null, default);

        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Disconnect_succeeds_after_the_namespace_died()
    {
        var networkNamespace = _node.CreateNamespace();
        await Cni.AddAsync("c1", networkNamespace);
        await _node.DestroyNamespaceAsync(networkNamespace);
        networkNamespace.Dispose();
        await Cni.DeleteAsync("c1");

        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task An_address_may_be_asked_for_at_once_after_its_release()
    {
        using var networkNamespace = _node.CreateNamespace();
        var before = await Cni.AddAsync("c1", networkNamespace);
        await Cni.DeleteAsync("c1");
        var spec = Cni.Spec("c1");
        var exact = spec.Claim! with { Ipv4 = 0, Exact = [before.Addresses[0].BaseAddress] };
        var after = await Cni.AddAsync(spec with { Claim = exact }, networkNamespace);

        Assert.That(after.Addresses, Is.EqualTo(before.Addresses));
        Assert.That(after.PeerInterface, Is.EqualTo("eth0"));
    }

    [Test]
    public async Task An_address_that_is_held_is_refused_and_nothing_is_left()
    {
        using var first = _node.CreateNamespace();
        using var second = _node.CreateNamespace();
        var holder = await Cni.AddAsync("c1", first);
        var spec = Cni.Spec("c2");
        var exact = spec.Claim! with { Ipv4 = 0, Exact = [holder.Addresses[0].BaseAddress] };
        await AssertProblemAsync(() => Cni.AddAsync(spec with { Claim = exact }, second), Problem.AlreadyExists, Problem.Conflict);

        Assert.That(await _node.Network.FindAsync(spec.Id, default), Is.Null);
        Assert.That(await _node.ListLinksAsync(), Is.EqualTo(new[] { holder.HostInterface }));
    }

    [Test]
    public async Task A_wish_for_a_pool_that_is_not_there_is_refused_and_nothing_is_left()
    {
        using var networkNamespace = _node.CreateNamespace();
        var spec = Cni.Spec("c1");
        var nowhere = spec.Claim! with { Pools = ["no-such-pool"] };
        await AssertProblemAsync(() => Cni.AddAsync(spec with { Claim = nowhere }, networkNamespace), Problem.NotFound, Problem.Invalid);

        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Anothers_address_inside_our_pool_is_refused()
    {
        using var networkNamespace = _node.CreateNamespace();
        var inside = new IPNetwork(IPNetwork.Parse(_node.Pool).BaseAddress, 32);
        await AssertProblemAsync(() => Cni.AddAsync(Cni.Spec("c1") with { Claim = null, Unmanaged = [inside] }, networkNamespace),
            Problem.Invalid);

        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Anothers_address_outside_our_pools_is_used_and_takes_no_lease()
    {
        using var networkNamespace = _node.CreateNamespace();
        var foreign = IPNetwork.Parse("198.18.77.9/32");
        var attachment = await Cni.AddAsync(Cni.Spec("c1") with { Claim = null, Unmanaged = [foreign] }, networkNamespace);

        Assert.That(attachment.Addresses, Is.EqualTo(new[] { foreign }));
        Assert.That(await _node.Ipam.ListAsync(null, default), Is.Empty);
    }

    [Test]
    public async Task Interfaces_of_one_namespace_have_gateways_of_their_own_and_one_default_route()
    {
        using var networkNamespace = _node.CreateNamespace();
        var first = await Cni.AddAsync(Cni.Spec("c1", group: "g1"), networkNamespace);
        var spec = new CniShapedClient(_node, "net2").Spec("c1", "eth1", group: "g1");
        // A network that shares its pools with another of the group may be refused by name; with another IPAM's address it cannot.
        var second = await Cni.AddAsync(spec with { Claim = null, Unmanaged = [IPNetwork.Parse("198.18.77.9/32")] }, networkNamespace);

        Assert.That(second.Gateway4, Is.Not.EqualTo(first.Gateway4));
        Assert.That(first.Routes.Concat(second.Routes).Count(r => r.Destination.PrefixLength == 0), Is.EqualTo(1));
    }

    [Test]
    public async Task Connects_at_once_get_addresses_of_their_own()
    {
        var namespaces = Enumerable.Range(0, 20).Select(_ => _node.CreateNamespace()).ToArray();
        try
        {
            var attachments = await Task.WhenAll(namespaces.Select((n, i) => Cni.AddAsync($"c{i}", n)));
            Assert.That(attachments.Select(a => a.Addresses[0].BaseAddress).Distinct().Count(), Is.EqualTo(20));
            await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Cni.DeleteAsync($"c{i}")));
        }
        finally
        {
            foreach (var networkNamespace in namespaces)
            {
                networkNamespace.Dispose();
            }
        }

        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task The_same_connect_twice_at_once_is_one_endpoint()
    {
        using var networkNamespace = _node.CreateNamespace();
        var both = await Task.WhenAll(Cni.AddAsync("c1", networkNamespace), Cni.AddAsync("c1", networkNamespace));

        Assert.That(both[0].Addresses, Is.EqualTo(both[1].Addresses));
        Assert.That(await _node.ListLinksAsync(), Has.Length.EqualTo(1));
        Assert.That(await _node.Ipam.ListAsync(null, default), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Check_is_silent_when_all_is_well_and_names_what_is_not()
    {
        using var networkNamespace = _node.CreateNamespace();
        var attachment = await Cni.AddAsync("c1", networkNamespace);
        var well = await _node.Network.CheckAsync(attachment.Id, attachment, default);
        var moved = await _node.Network.CheckAsync(attachment.Id,
            attachment with { Addresses = [IPNetwork.Parse("198.18.77.9/32")] }, default);

        Assert.That(well, Is.Empty);
        Assert.That(moved, Is.Not.Empty);
        var never = new WorkloadEndpointId("cni", "never", "eth0");
        await AssertProblemAsync(() => _node.Network.CheckAsync(never, attachment, default), Problem.NotFound);
    }

    [Test]
    public async Task Only_a_complete_report_collects_and_only_its_network()
    {
        using var first = _node.CreateNamespace();
        using var second = _node.CreateNamespace();
        using var third = _node.CreateNamespace();
        var keep = await Cni.AddAsync("keep", first);
        await Cni.AddAsync("stale", second);
        var other = new CniShapedClient(_node, "net2");
        await other.AddAsync("other", third);
        var now = DateTimeOffset.UtcNow;

        Assert.That(await _node.Network.CollectAsync("net1", new LiveReport(false, now, [], []), default), Is.Zero);
        Assert.That(await _node.Network.ListAsync(null, default), Has.Length.EqualTo(3));
        Assert.That(await _node.Network.CollectAsync("net1", new LiveReport(true, now, [(keep.Id, keep.Instance)], []), default),
            Is.EqualTo(1));
        Assert.That((await _node.Network.ListAsync(null, default)).Select(a => a.Id.Workload), Is.EquivalentTo(new[] { "keep", "other" }));
    }

    [Test]
    public async Task List_takes_a_prefix_of_the_workload()
    {
        using var first = _node.CreateNamespace();
        using var second = _node.CreateNamespace();
        await Cni.AddAsync("a1", first);
        await Cni.AddAsync("b1", second);

        Assert.That((await _node.Network.ListAsync("a", default)).Single().Id.Workload, Is.EqualTo("a1"));
        Assert.That(await _node.Network.ListAsync(null, default), Has.Length.EqualTo(2));
    }
}
