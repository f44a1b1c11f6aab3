using Calico.Host.Node;
using Calico.Host.Settings;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

[TestFixture]
public sealed class NodeAddressTests
{
    private const string Nodes = "/calico/resources/v3/projectcalico.org/nodes/";

    private readonly FakeTimeProvider _time = new();
    private string? _address = "192.0.2.1/24";
    private HashSet<string> _present = [];

    [SetUp]
    public void Reset() => (_address, _present) = ("192.0.2.1/24", []);

    [Test]
    public void B9_a_changed_address_is_followed_once_it_has_stayed_for_three_looks()
    {
        var follower = new AddressFollower(() => (_address, null), a => _present.Contains(a), _time);
        Assert.That(Look(follower), Is.False, "the first look is the registered one");
        _address = "192.0.2.2/24";
        Assert.That(new[] { Look(follower), Look(follower), Look(follower) }, Is.EqualTo(new[] { false, false, true }));
        Assert.That(Look(follower), Is.True, "until it is registered");
        follower.Accept();
        Assert.That(Look(follower), Is.False);
    }

    [Test]
    public void B9_an_address_that_flaps_or_is_still_there_is_not_followed()
    {
        var follower = new AddressFollower(() => (_address, null), a => _present.Contains(a), _time);
        Look(follower);
        for (var i = 0; i < 20; i++)
        {
            _address = i % 3 == 2 ? "192.0.2.1/24" : "192.0.2.2/24";
            Assert.That(Look(follower), Is.False, "flaps");
        }

        _address = null;
        Assert.That(Enumerable.Range(0, 5).Select(_ => Look(follower)), Has.All.False, "lost without a successor");
        (_address, _present) = ("192.0.2.3/24", ["192.0.2.1/24"]);
        Assert.That(Enumerable.Range(0, 5).Select(_ => Look(follower)), Has.All.False, "another interface is found first");
    }

    [Test]
    public void B9_a_list_of_interfaces_that_fails_is_no_look()
    {
        var follower = new AddressFollower(() => _address is null ? throw new System.Net.NetworkInformation.NetworkInformationException()
            : (_address, null),
            a => _present.Contains(a), _time);
        Look(follower);
        (_address, var moved) = (null, "192.0.2.2/24");
        Assert.That(Look(follower), Is.False);
        _address = moved;
        Assert.That(new[] { Look(follower), Look(follower), Look(follower) }, Is.EqualTo(new[] { false, false, true }));
    }

    [Test]
    public async Task B9_the_second_node_of_an_address_is_refused_with_whose_it_is()
    {
        var store = new InMemoryStore();
        await RegisterAsync(store, "a", "192.0.2.1/24");

        var problem = (await Assert.ThrowsAsync<CalicoException>(() => RegisterAsync(store, "b", "192.0.2.1/25")))!;

        Assert.That(problem.Problem, Is.EqualTo(Problem.AlreadyExists));
        Assert.That(problem.Message, Does.Contain("192.0.2.1").And.Contain("node a's").And.Contain("calicoctl delete node a"));
        Assert.That(store.Snapshot(Nodes + "b"), Is.Empty);
        await RegisterAsync(store, "b", "192.0.2.2/24");
        await RegisterAsync(store, "a", "192.0.2.1/24");
        await Assert.ThrowsAsync<CalicoException>(() => RegisterAsync(store, "b", "192.0.2.1/24"));
    }

    [Test]
    public async Task B9_of_two_nodes_that_register_one_address_at_once_one_is_refused()
    {
        var store = new InMemoryStore();
        var isSecond = false;
        store.Faults.Use((kind, transaction) =>
        {
            if (kind == StoreCallKind.Commit && !isSecond && transaction!.Compares.Any(c => c.Key == Nodes + "a"))
            {
                // Between the check and the write of the first.
                isSecond = true;
                RegisterAsync(store, "b", "192.0.2.1/24").GetAwaiter().GetResult();
            }

            return StoreFault.None;
        });

        var problem = (await Assert.ThrowsAsync<CalicoException>(() => RegisterAsync(store, "a", "192.0.2.1/24")))!;

        Assert.That(problem.Message, Does.Contain("node b's"));
        Assert.That(store.Snapshot(Nodes), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task B9_a_node_that_moved_is_registered_with_its_new_address_and_keeps_the_rest()
    {
        var store = new InMemoryStore();
        await RegisterAsync(store, "a", "192.0.2.1/24");
        await RegisterAsync(store, "a", "192.0.2.9/24");

        Assert.That(Ipam.IpamCluster.Text(store.Snapshot(Nodes + "a").Single().Value),
            Does.Contain("192.0.2.9/24").And.Not.Contain("192.0.2.1/24").And.Contain("machine-a"));
    }

    [Test]
    public async Task B9_a_Node_that_cannot_be_read_is_left_to_a_person()
    {
        var store = new InMemoryStore();
        store.Set(Nodes + "a", "{");

        var problem = (await Assert.ThrowsAsync<CalicoException>(() => RegisterAsync(store, "a", "192.0.2.1/24")))!;

        Assert.That(problem.Problem, Is.EqualTo(Problem.Damaged));
        Assert.That(Ipam.IpamCluster.Text(store.Snapshot(Nodes + "a").Single().Value), Is.EqualTo("{"));
    }

    private static Task RegisterAsync(InMemoryStore store, string node, string address) =>
        new NodeRegistration(store, new HostSettings { Ipv4 = address, Ipv6 = "none" }, node, $"machine-{node}", TimeProvider.System,
            NullLogger<NodeRegistration>.Instance).RunAsync(isStart: true, CancellationToken.None);

    private bool Look(AddressFollower follower)
    {
        _time.Advance(TimeSpan.FromSeconds(30));
        return follower.HasMoved();
    }
}
