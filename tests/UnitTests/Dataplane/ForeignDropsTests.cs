using Calico.Dataplane.Strangers;
using Calico.Datastore.Addresses;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>Which rules of others are said to drop workloads' traffic, from what iptables prints.</summary>
public sealed class ForeignDropsTests
{
    private static readonly Cidr[] Workloads = [Cidr.Parse("10.65.0.2/32"), Cidr.Parse("10.65.0.3/32")];

    private static string[] Find(string listing) => [.. new ForeignDrops("cali", Workloads)
        .Find(IptablesListing.Read("iptables-legacy", "filter", listing))
        .Select(p => p.Split('\'')[1])];

    [TestCase("-A FORWARD -s 10.65.0.0/16 -j DROP", 1, TestName = "an address of ours")]
    [TestCase("-A FORWARD -s 10.66.0.0/16 -j DROP", 0, TestName = "an address of others")]
    [TestCase("-A FORWARD ! -s 10.66.0.0/16 -o eth0 -j DROP", 0, TestName = "not an address of others, by another interface")]
    [TestCase("-A FORWARD -d 10.65.0.3/32 -j REJECT --reject-with icmp-port-unreachable", 1, TestName = "one workload")]
    [TestCase("-A FORWARD -p tcp -m tcp --dport 25 -j DROP", 1, TestName = "a port")]
    [TestCase("-A INPUT -p tcp -m tcp --dport 25 -j DROP", 0, TestName = "a port of the host")]
    [TestCase("-A INPUT -i cali+ -j DROP", 1, TestName = "workloads at the host's door")]
    [TestCase("-A OUTPUT -d 10.65.0.2/32 -j DROP", 1, TestName = "the host to a workload")]
    [TestCase("-A FORWARD -i eth0 -p tcp --dport 25 -j DROP", 0, TestName = "a port, from another interface")]
    [TestCase("-A FORWARD -i eth0 -d 10.65.0.0/16 -j DROP", 1, TestName = "to ours from another interface")]
    [TestCase("-A FORWARD -m limit --limit 5/sec -s 10.65.0.0/16 -j DROP", 0, TestName = "what is not understood")]
    [TestCase("-A FORWARD -i cali+ -j ACCEPT\n-A FORWARD -s 10.65.0.0/16 -j DROP", 0, TestName = "accepted before")]
    [TestCase("-A FORWARD -s 10.65.0.2/32 -j ACCEPT\n-A FORWARD -s 10.65.0.0/16 -j DROP", 1,
        TestName = "one accepted before, the other not")]
    [TestCase("-A FORWARD -s 10.65.0.0/16 -j WALL\n-A WALL -j DROP", 1, TestName = "by a jump about ours")]
    [TestCase("-A FORWARD -s 10.65.0.0/16 -j WALL\n-A WALL -j RETURN\n-A WALL -j DROP", 0, TestName = "returned before")]
    [TestCase("-A FORWARD -i docker0 -j WALL\n-A WALL -d 10.65.0.2/32 -j DROP", 1, TestName = "by a jump about others, to ours")]
    [TestCase("-A FORWARD -j WALL\n-A WALL -j FORWARD\n-A FORWARD -s 10.65.0.2/32 -j DROP", 1, TestName = "a loop ends")]
    [TestCase("-A FORWARD -g WALL\n-A WALL -j ACCEPT\n-A FORWARD -s 10.65.0.2/32 -j DROP", 0, TestName = "a goto does not come back")]
    [TestCase("-A FORWARD -m comment --comment \"two words\" -s 10.65.0.2/32 -j DROP", 1, TestName = "a comment with a blank")]
    [TestCase("-A WALL -s 10.65.0.2/32 -j DROP", 0, TestName = "a chain that nothing leads to")]
    public void Rule(string rules, int found) =>
        Assert.That(Find($"-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-N WALL\n{rules}\n"), Has.Length.EqualTo(found));

    [Test]
    public void Without_workloads_an_address_is_nobodys() =>
        Assert.That(new ForeignDrops("cali", [])
            .Find(IptablesListing.Read("iptables-legacy", "filter", "-P FORWARD ACCEPT\n-A FORWARD -s 10.65.0.0/16 -j DROP\n")), Is.Empty);
}
