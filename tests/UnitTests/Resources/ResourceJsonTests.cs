using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Resources.V3;
using NUnit.Framework;

namespace Calico.UnitTests.Resources;

[TestFixture]
public sealed class ResourceJsonTests
{
    [Test]
    public void Members_that_are_absent_have_their_initial_value()
    {
        var block = ResourceJson.Read<IpamBlockSpec>("{}"u8);
        var pool = ResourceJson.Read<Resource<IpPoolSpec>>("""{"metadata":{}}"""u8);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(block.Allocations.IsDefault, Is.False);
            Assert.That(block.Cidr, Is.Empty);
            Assert.That(pool.ApiVersion, Is.EqualTo("projectcalico.org/v3"));
            Assert.That(pool.Metadata.Name, Is.Empty);
            Assert.That(pool.Spec, Is.Not.Null);
        }
    }

    [Test]
    public void A_block_is_written_as_upstream_writes_it()
    {
        var block = new IpamBlockSpec
        {
            Cidr = "10.0.0.0/30",
            Allocations = [0, null, null, null],
            Unallocated = [1, 2, 3],
            Attributes = [new() { HandleId = "net.c1" }],
            SequenceNumber = 1700000000000000000,
            AffinityClaimTime = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero),
        };

        Assert.That(Encoding.UTF8.GetString(ResourceJson.Write(block)), Is.EqualTo(
            """
            {"cidr":"10.0.0.0/30","affinity":null,"affinity_claim_time":"2026-01-02T03:04:05Z","allocations":[0,null,null,null],
            "unallocated":[1,2,3],"attributes":[{"handle_id":"net.c1","secondary":null}],"sequenceNumber":1700000000000000000,
            "sequenceNumberForAllocation":null,"deleted":false}
            """.ReplaceLineEndings("")));
    }

    [Test]
    public void Fields_that_others_wrote_survive()
    {
        var stored = """
            {"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p","creationTimestamp":null,"x":1},
            "spec":{"cidr":"10.0.0.0/24","y":[1.50]},"status":{"z":true}}
            """.ReplaceLineEndings("");

        Assert.That(Encoding.UTF8.GetString(ResourceJson.Write(ResourceJson.Read<Resource<IpPoolSpec>>(Encoding.UTF8.GetBytes(stored)))),
            Is.EqualTo(stored));
    }
}
