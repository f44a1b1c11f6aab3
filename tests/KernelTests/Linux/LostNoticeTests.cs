using System.Net;
using Calico.Linux.Conntrack;
using Calico.Linux.Nftables;
using NUnit.Framework;

namespace Calico.KernelTests.Linux;

[NonParallelizable]
public sealed class LostNoticeTests
{
    /// <summary>Elements of one transaction; some forty of them overflow the 16 MB that the kernel counts for the stream's buffer.
    /// </summary>
    private const int Elements = 20_000;

    [Test]
    public async Task D_a_flood_of_transactions_that_overflows_the_buffer_is_told_as_lost_and_then_it_goes_on()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var stream = ns.Broker.Run(ns.File, NftChangeStream.Open);
        var table = new NftTable(NftFamily.Inet, "flood");
        NftElement[] elements = [.. Enumerable.Range(0, Elements)
            .Select(i => NftElement.Of(NftValue.Address(new IPAddress([10, 0, (byte)(i >> 8), (byte)i]))))];
        for (var round = 0; round < 40; round++)
        {
            using var batch = new NftBatch();
            batch.DestroyTable(table);
            batch.AddTable(table);
            batch.AddSet(table, NftSet.Of("s", NftDataType.IPv4Address));
            batch.AddElements(table, "s", elements);
            nft.Commit(batch);
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var (isLost, after) = (false, new NftTable(NftFamily.Inet, "after"));
        await foreach (var change in stream.ReadAllAsync(limit.Token))
        {
            if (change.Lost && !isLost)
            {
                isLost = true;
                Assert.That(change.Tables, Is.Empty, "what it touched is not known");
                using var batch = new NftBatch();
                batch.AddTable(after);
                nft.Commit(batch);
            }

            if (isLost && change.Tables.Contains(after))
            {
                Assert.Pass("lost, and then it went on");
            }
        }

        Assert.Fail("the stream ended");
    }

    [Test]
    public void Every_change_that_a_transaction_was_refused_for_is_told()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(new NftTable(NftFamily.Inet, "new"));
        batch.DeleteTable(new NftTable(NftFamily.Inet, "none"));
        batch.DeleteTable(new NftTable(NftFamily.Inet, "nil"));

        var refusal = Assert.Throws<NftCommitException>(() => nft.Commit(batch))!;

        Assert.That(refusal.Failures.Select(f => (f.Index, f.Errno)),
            Is.EqualTo(new[] { (1, Calico.Linux.Errno.NoEntry), (2, Calico.Linux.Errno.NoEntry) }));
        Assert.That(ns.Inside("nft", "list", "tables"), Is.Empty, "nothing was applied");
        batch.Clear();
        batch.AddTable(new NftTable(NftFamily.Inet, "new"));
        nft.Commit(batch);
    }

    [TestCase("198.51.100.1")]
    [TestCase("198.51.100.2")]
    [TestCase("198.51.100.3")]
    [TestCase("198.51.100.4")]
    public void A_connection_is_found_by_its_address_in_any_place(string address)
    {
        using var ns = new ScratchNamespace();
        using var conntrack = ns.Broker.Run(ns.File, () => ConntrackSocket.Open());
        ns.Inside("conntrack", "-I", "-p", "udp", "-s", "198.51.100.1", "-d", "198.51.100.2", "-r", "198.51.100.3", "-q", "198.51.100.4",
            "--sport", "1", "--dport", "2", "--reply-port-src", "3", "--reply-port-dst", "4", "--timeout", "60");
        Assert.That(conntrack.Delete(conntrack.List((HashSet<IPAddress>)[IPAddress.Parse("198.51.100.9")])), Is.Zero);
        Assert.That(conntrack.Delete(conntrack.List((HashSet<IPAddress>)[IPAddress.Parse(address)])), Is.EqualTo(1));
    }
}
