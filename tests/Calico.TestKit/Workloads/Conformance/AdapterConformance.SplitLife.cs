using System.Collections.Immutable;
using System.Net;
using NUnit.Framework;

namespace Calico.TestKit.Workloads;

/// <summary>Address, endpoint, link and labels one after the other, as Docker has it.</summary>
public abstract partial class AdapterConformance
{
    [Test]
    public async Task An_address_is_claimed_before_there_is_an_endpoint_and_bound_by_it()
    {
        var lease = await Docker.RequestAddressAsync("r1");
        Assert.That(lease.BoundTo, Is.Null);
        var prepared = await Docker.CreateEndpointAsync("e1", lease.Address);

        Assert.That(prepared.State, Is.EqualTo(EndpointState.Prepared));
        Assert.That(prepared.Addresses.Single().BaseAddress, Is.EqualTo(lease.Address));
        Assert.That(await _node.ListLinksAsync(), Is.Empty);
        Assert.That((await _node.Ipam.FindAsync(lease.Address, default))!.BoundTo, Is.EqualTo(DockerShapedClient.IdOf("e1")));
    }

    [Test]
    public async Task The_same_request_again_gives_the_same_address()
    {
        var first = await Docker.RequestAddressAsync("r1");
        var second = await Docker.RequestAddressAsync("r1");

        Assert.That((second.Address, second.Sequence), Is.EqualTo((first.Address, first.Sequence)));
    }

    [Test]
    public async Task A_link_is_handed_over_closed_until_labels_arrive_if_policy_needs_them()
    {
        var lease = await Docker.RequestAddressAsync("r1");
        await Docker.CreateEndpointAsync("e1", lease.Address);
        var joined = await Docker.JoinAsync("e1");
        Assert.That(joined.State, Is.EqualTo(EndpointState.Enforced).Or.EqualTo(EndpointState.Closed));
        Assert.That(joined.State == EndpointState.Closed, Is.EqualTo(joined.Reason.Length > 0), joined.Reason);
        Assert.That(joined.PeerInterface, Is.EqualTo(DockerShapedClient.LinkOf("e1")));

        await Docker.LabelsArriveAsync("e1");
        using var patience = new CancellationTokenSource(Promptly);
        await foreach (var (state, _) in _node.Dataplane.WatchAsync(DockerShapedClient.IdOf("e1"), patience.Token))
        {
            if (state == EndpointState.Enforced)
            {
                break;
            }
        }

        Assert.That((await _node.Network.FindAsync(DockerShapedClient.IdOf("e1"), default))!.State, Is.EqualTo(EndpointState.Enforced));
    }

    [Test]
    public async Task A_watch_tells_the_removal_and_ends()
    {
        await BringUpAsync("e1");
        var seen = new List<EndpointState>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var watching = Task.Run(async () =>
        {
            await foreach (var (state, _) in _node.Dataplane.WatchAsync(DockerShapedClient.IdOf("e1"), patience.Token))
            {
                lock (seen)
                {
                    seen.Add(state);
                }

                if (state == EndpointState.Enforced)
                {
                    await Docker.DeleteEndpointAsync("e1");
                }
            }
        });
        await watching;

        Assert.That(seen[0], Is.EqualTo(EndpointState.Enforced));
        Assert.That(seen[^1], Is.EqualTo(EndpointState.Gone));
    }

    [Test]
    public async Task Two_endpoints_that_want_one_address_are_not_both_served()
    {
        var lease = await Docker.RequestAddressAsync("r1");
        var outcomes = await Task.WhenAll(((string[])["e1", "e2"]).Select(e => Docker.TryCreateEndpointAsync(e, lease.Address)));

        Assert.That(outcomes.Count(served => served), Is.EqualTo(1));
        Assert.That(await _node.Network.ListAsync(null, default), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Links_handed_over_into_one_namespace_have_gateways_of_their_own()
    {
        foreach (var endpoint in (string[])["e1", "e2", "e3"])
        {
            await Docker.CreateForeignAsync(endpoint);
        }

        var joined = new[] { await Docker.JoinAsync("e1", "s1"), await Docker.JoinAsync("e2", "s1"), await Docker.JoinAsync("e3", "s2") };
        Assert.That(joined.Select(a => $"{a.Gateway4}"), Is.EqualTo(new[] { "169.254.1.1", "169.254.1.2", "169.254.1.1" }));
    }

    [Test]
    public async Task A_release_before_the_endpoint_goes_is_deferred_to_it()
    {
        var address = await BringUpAsync("e1");
        var early = await Docker.ReleaseAddressAsync(address);
        Assert.That(early, Is.EqualTo(ReleaseOutcome.Deferred));
        Assert.That(await _node.Ipam.FindAsync(address, default), Is.Not.Null);

        await Docker.DeleteEndpointAsync("e1");
        Assert.That(await _node.Ipam.FindAsync(address, default), Is.Null);
        Assert.That(await Docker.ReleaseAddressAsync(address), Is.EqualTo(ReleaseOutcome.AlreadyFree));
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task A_late_release_never_frees_a_successor()
    {
        var first = await Docker.RequestAddressAsync("r1");
        await _node.Ipam.ReleaseAsync(first, default);
        var second = await Docker.RequestAddressAsync("r2", first.Address);
        var late = await _node.Ipam.ReleaseAsync(first, default);

        Assert.That(late, Is.EqualTo(ReleaseOutcome.NotYours));
        Assert.That((await _node.Ipam.FindAsync(first.Address, default))!.Sequence, Is.EqualTo(second.Sequence));
    }

    [Test]
    public async Task An_endpoint_whose_address_was_released_meanwhile_takes_it_again()
    {
        var lease = await Docker.RequestAddressAsync("r1");
        await _node.Ipam.ReleaseAsync(lease, default);
        var prepared = await Docker.CreateEndpointAsync("e1", lease.Address);

        Assert.That(prepared.Addresses.Single().BaseAddress, Is.EqualTo(lease.Address));
        Assert.That((await _node.Ipam.FindAsync(lease.Address, default))!.BoundTo, Is.EqualTo(DockerShapedClient.IdOf("e1")));
    }

    [Test]
    public async Task Leaving_keeps_endpoint_and_address_and_joining_again_works()
    {
        var address = await BringUpAsync("e1");
        await Docker.LeaveAsync("e1");
        Assert.That(await _node.ListLinksAsync(), Is.Empty);
        Assert.That((await _node.Network.FindAsync(DockerShapedClient.IdOf("e1"), default))!.State, Is.EqualTo(EndpointState.Prepared));
        await Docker.LeaveAsync("e1");
        var again = await Docker.JoinAsync("e1");

        Assert.That(again.State, Is.EqualTo(EndpointState.Enforced));
        Assert.That(again.Addresses.Single().BaseAddress, Is.EqualTo(address));
    }

    [Test]
    public async Task Deleting_without_leaving_leaves_nothing()
    {
        var address = await BringUpAsync("e1");
        await Docker.DeleteEndpointAsync("e1");
        await Docker.ReleaseAddressAsync(address);

        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Teardown_of_what_was_never_known_succeeds()
    {
        await Docker.LeaveAsync("never");
        await Docker.DeleteEndpointAsync("never");
        Assert.That(await Docker.ReleaseAddressAsync(IPAddress.Parse("198.18.0.0")), Is.EqualTo(ReleaseOutcome.AlreadyFree));
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Joining_what_was_not_created_is_refused()
    {
        await AssertProblemAsync(() => Docker.JoinAsync("never"), Problem.NotFound);
        Assert.That(await _node.ListLinksAsync(), Is.Empty);
    }

    [Test]
    public async Task Joining_for_another_life_is_refused()
    {
        var lease = await Docker.RequestAddressAsync("r1");
        await Docker.CreateEndpointAsync("e1", lease.Address);
        await AssertProblemAsync(() => _node.Dataplane.AttachAsync(
            DockerShapedClient.IdOf("e1"), "another", Placement.HandedOver("temp1"), Promptly, default), Problem.Conflict);
    }

    [Test]
    public async Task Profiles_may_be_made_twice_and_removed_twice()
    {
        var defaults = new ProfileDefaults(Internal: true, ImmutableSortedDictionary<string, string>.Empty);
        await _node.Profiles.EnsureAsync("p1", defaults, default);
        await _node.Profiles.EnsureAsync("p1", defaults with { Internal = false }, default);
        await _node.Profiles.RemoveAsync("p1", default);
        Assert.That(async () => await _node.Profiles.RemoveAsync("p1", default), Throws.Nothing);
    }

    [Test]
    public async Task Counters_of_what_is_not_there_are_not_found()
    {
        await BringUpAsync("e1");
        Assert.That(await _node.Dataplane.StatsAsync(DockerShapedClient.IdOf("e1"), default), Is.Not.Null);
        await AssertProblemAsync(() => _node.Dataplane.StatsAsync(DockerShapedClient.IdOf("never"), default), Problem.NotFound);
    }
}
