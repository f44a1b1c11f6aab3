using System.Net;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Linux;
using Calico.Linux.Namespaces;
using Calico.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>What is said to be enforced at an interface was read before.</summary>
[TestFixture]
public sealed class LookAgainTests
{
    private static readonly DataplaneOptions Options = new() { NodeName = "node-a" };

    [Test]
    public void The_kernel_is_read_in_the_turn_that_is_asked_to_and_rules_are_said_by_interface()
    {
        using var broker = new NamespaceBroker();
        var (nftables, inbox, status) = (new FakeNftables(), new LoopInbox(), new LoopStatus());
        using var table = new PolicyTable(nftables, new HostNetwork(broker), new(_ => Task.CompletedTask, inbox.Wake), Options,
            NullLogger.Instance);
        var inside = new Enforcement(inbox, status, new(table, [table], new FakeConnections(), () => null), (new(), new()), Options,
            isInitial: true, new ManualTime(), NullLogger.Instance);
        inbox.Accept(new(SyncStatus.InSync, 7,
        [
            Stored(Kinds.Profile, "open", new ProfileSpec { Ingress = [new() { Action = "Allow" }], Egress = [new() { Action = "Deny" }] }),
            Stored(Kinds.HostEndpoint, "up", new HostEndpointSpec { Node = "node-a", InterfaceName = "up0", Profiles = ["open"] }),
        ]));
        inbox.Post(new LoopRequest.Publish(new()
        {
            Id = new("cni", "a", "eth0"), InterfaceName = "calia", Addresses = [IPNetwork.Parse("10.65.0.2/32")], Profiles = ["open"],
        }));
        inside.Turn();
        var reads = nftables.Reads;
        inside.Turn();
        Assert.That(nftables.Reads, Is.EqualTo(reads), "nothing is doubted");
        inbox.Post(new LoopRequest.Query(loop => loop.LookAgain()));
        inside.Turn();
        Assert.That(nftables.Reads, Is.GreaterThan(reads));

        Assert.That(inside.Describe("calia"), Is.EqualTo(new[]
        {
            "ingress:", "  profile/open/ingress", "    Allow any    # Profile(open) rule 0", "  Deny any    # no profile decides",
            "egress:", "  profile/open/egress", "    Deny any    # Profile(open) rule 0", "  Deny any    # no profile decides",
        }));
        Assert.That(inside.Describe("up0").Take(4), Is.EqualTo(new[]
        {
            "host endpoint up", "ingress:", "  profile/open/ingress", "    Allow any    # Profile(open) rule 0",
        }));
        Assert.That(inside.Describe("up1"), Is.Empty);
    }

    private static SyncUpdate Stored<T>(ResourceKind<T> kind, string name, T spec) where T : class, new() =>
        new(kind.Key(name), new Resource<T> { Kind = kind.Name, Metadata = new() { Name = name }, Spec = spec });
}
