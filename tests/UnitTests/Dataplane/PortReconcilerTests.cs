using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Dataplane;
using Calico.Dataplane.Ports;
using Calico.Dataplane.Reconciliation;
using Calico.Felix;
using Calico.Linux;
using Calico.Linux.Nftables;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>Published ports with a kernel that refuses when it is told to.</summary>
public sealed class PortReconcilerTests
{
    private static readonly DataplaneOptions Options = new() { NodeName = "node-a" };

    private FakeNftables _nftables = null!;
    private FakePortConnections _connections = null!;
    private string? _owner;
    private PortReconciler _ports = null!;

    [SetUp]
    public void SetUp()
    {
        (_nftables, _connections, _owner) = (new(), new(), null);
        _ports = Make();
        _ports.Begin(true);
    }

    [TearDown]
    public void TearDown() => _ports.Dispose();

    private PortReconciler Make() => new(_nftables, null, new(), _connections, _ => _owner, Options);

    private static LocalEndpoint Endpoint(params ForwardedPort[] ports) => new()
    {
        Id = new("cni", "a", "eth0"), InterfaceName = "calia", Addresses = [IPNetwork.Parse("10.65.0.2/32")], Ports = [.. ports],
    };

    private static ForwardedPort Tcp(int port) => new(ProtocolType.Tcp, null, port, 80);

    private static ForwardedPort Udp(int port) => new(ProtocolType.Udp, null, port, 53);

    [Test]
    public void Only_what_changed_is_sent_and_the_table_goes_with_the_last()
    {
        Assert.That(_ports.Commit(0), Is.EqualTo(Reconciled.Nothing));
        Assert.That(_nftables.Commits, Is.Empty, "nobody publishes");
        _ports.Tell(Endpoint(Tcp(8080)));
        _ports.Commit(0);
        Assert.That(_nftables.Commits[^1], Does.Contain("add table inet calico-ports"));
        _ports.Tell(Endpoint(Tcp(8080), Tcp(8081)));
        _ports.Commit(0);
        Assert.That(_nftables.Commits[^1], Has.Length.EqualTo(1).And.All.Contains("add elements of set ports-4"));
        var commits = _nftables.Commits.Count;
        _ports.Tell(Endpoint(Tcp(8080), Tcp(8081)));
        _ports.Commit(0);
        Assert.That(_nftables.Commits, Has.Count.EqualTo(commits), "nothing changed");
        _ports.Forget(new("cni", "a", "eth0"));
        _ports.Commit(0);
        Assert.That(_nftables.Commits[^1], Does.Contain("delete table inet calico-ports"));
    }

    [Test]
    public void A_refusal_is_the_loops_and_after_a_doubt_everything_is_read_and_written_again()
    {
        _nftables.Refuse(Errno.Busy, times: 1);
        _ports.Tell(Endpoint(Tcp(8080)));
        Assert.Throws<NftCommitException>(() => _ports.Commit(0));
        var reads = _nftables.Reads;
        _ports.Doubt();
        _ports.Commit(1);
        Assert.That(_nftables.Reads, Is.EqualTo(reads + 1));
        Assert.That(_nftables.Commits[^1], Does.Contain("add table inet calico-ports").And.Some.Contains("add elements of set ports-4"));
        Assert.That(_ports.Problem, Is.Null);
    }

    [Test]
    public void A_table_that_another_owns_is_said_refuses_nothing_else_and_is_tried_again()
    {
        _owner = "nft (pid 7)";
        _nftables.Refuse(Errno.NotPermitted, times: 2);
        _ports.Tell(Endpoint(Tcp(8080)));
        Assert.That(_ports.Commit(0), Is.EqualTo(Reconciled.Nothing));
        Assert.That(_ports.Problem, Does.Contain("calico-ports is owned by nft (pid 7)"));
        _ports.Commit(0);
        _ports.Commit(0);
        Assert.That(_ports.Problem, Is.Null);
        Assert.That(_nftables.Commits[^1], Does.Contain("add table inet calico-ports"));
    }

    [Test]
    public void Before_this_nodes_endpoints_are_known_nothing_is_touched()
    {
        using var ports = Make();
        ports.Begin(false);
        ports.Tell(Endpoint(Tcp(8080)));
        ports.Commit(0);
        Assert.That((_nftables.Commits.Count, _nftables.Reads), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Connections_are_cut_for_what_ends_and_for_datagrams_that_begin_and_not_with_the_endpoint()
    {
        _ports.Tell(Endpoint(Tcp(8080), Udp(5353)));
        _ports.Commit(0);
        Assert.That(_connections.Last, Is.EqualTo("- +5353"));
        _ports.Tell(Endpoint(Udp(5353)));
        _ports.Commit(0);
        Assert.That(_connections.Last, Is.EqualTo("-8080 +"));
        _ports.Forget(new("cni", "a", "eth0"));
        _ports.Commit(0);
        Assert.That(_connections.Last, Is.EqualTo("- +"), "its address is cut");
    }

    private sealed class FakePortConnections : IPortConnections
    {
        public string Last { get; private set; } = "";

        public void Cut(IReadOnlyCollection<PortMapping> ended, IReadOnlyCollection<PortMapping> begun) =>
            Last = $"-{string.Join(',', ended.Select(m => m.HostPort))} +{string.Join(',', begun.Select(m => m.HostPort))}";

        public void Dispose()
        {
        }
    }
}
