using System.Net;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using NUnit.Framework;

namespace Calico.UnitTests.Linux;

public class NftValueTests
{
    [Test]
    public void Values_have_the_registers_bytes()
    {
        Assert.That(NftValue.BigEndian((ushort)80).ToString(), Is.EqualTo("0050"));
        Assert.That(NftValue.BigEndian(1u).ToString(), Is.EqualTo("00000001"));
        Assert.That(NftValue.Address(IPAddress.Parse("fd65::2")).Length, Is.EqualTo(16));
        Assert.That(NftValue.LinkName("cali-a").ToString(), Is.EqualTo("63616c692d6100000000000000000000"));
        Assert.That(NftValue.LinkNamePrefix("cali").ToString(), Is.EqualTo("63616c69"));
        Assert.That(NftValue.Concat(NftValue.Byte(6), NftValue.BigEndian((ushort)80)).ToString(), Is.EqualTo("0600000000500000"));
        Assert.Throws<ArgumentException>(() => NftValue.LinkName("sixteen-byte-nam"));
    }

    [Test]
    public void Values_are_equal_by_content()
    {
        Assert.That(NftValue.Byte(6), Is.EqualTo(NftValue.Byte(6)));
        Assert.That(NftValue.Byte(6).GetHashCode(), Is.EqualTo(NftValue.Byte(6).GetHashCode()));
        Assert.That(NftElement.Of(NftValue.Byte(6)), Is.EqualTo(NftElement.Of(NftValue.Byte(6))));
        Assert.That(NftValue.Byte(6) != NftValue.Byte(7), Is.True);
    }

    [TestCase("10.0.0.0/24", "0a000000:None", "0a000100:IntervalEnd")]
    [TestCase("10.0.0.255/32", "0a0000ff:None", "0a000100:IntervalEnd")]
    [TestCase("255.255.255.0/24", "ffffff00:None", null)]
    [TestCase("0.0.0.0/0", "00000000:None", null)]
    [TestCase("ffff::/16", "ffff0000000000000000000000000000:None", null)]
    public void A_prefix_is_its_first_key_and_the_one_after_it(string prefix, string first, string? end)
    {
        string[] expected = end is null ? [first] : [first, end];
        Assert.That(NftInterval.Prefix(IPNetwork.Parse(prefix)).Select(e => $"{e.Key}:{e.Flags}"), Is.EqualTo(expected));
    }

    [Test]
    public void A_range_carries_its_data_at_its_start()
    {
        NftElement[] range = [.. NftInterval.Range(NftValue.BigEndian((ushort)80), NftValue.BigEndian((ushort)90),
            new NftElement { Data = NftValue.Native(1) })];
        Assert.That(range[0].Data, Is.EqualTo(NftValue.Native(1)));
        Assert.That(range[1], Is.EqualTo(NftElement.RangeEnd(NftValue.BigEndian((ushort)91))));
    }

    [TestCase("0004776879 00", "why")]
    [TestCase("0103616263 0004776879 00", "why")]
    [TestCase("0103616263", null)]
    [TestCase("00ff61", null)]
    [TestCase("", null)]
    public void A_comment_is_found_in_user_data(string userData, string? comment) => Assert.That(
        NftRule.ReadComment(Convert.FromHexString(userData.Replace(" ", "", StringComparison.Ordinal))), Is.EqualTo(comment));

    [Test]
    public void A_key_of_parts_has_their_types_and_padded_lengths()
    {
        var set = NftSet.Of("s", NftDataType.Mark, NftDataType.Protocol, NftDataType.Service);
        Assert.That((set.KeyLength, set.KeyType), Is.EqualTo((12, (19u << 12) | (12u << 6) | 13u)));
        Assert.That(set.Flags, Is.EqualTo(NftSetFlags.None));
        Assert.That((set with { Interval = true }).Flags, Is.EqualTo(NftSetFlags.Interval | NftSetFlags.Concat));
        Assert.Throws<ArgumentException>(() => NftSet.Of("s"));
    }

    [Test]
    public void Joined_types_are_one_key_that_ranges_as_a_whole()
    {
        var set = NftSet.Of("s", NftDataType.Joined(NftDataType.Protocol, NftDataType.Service)) with { Interval = true };
        Assert.That((set.KeyLength, set.KeyType, set.Flags), Is.EqualTo((8, 19u, NftSetFlags.Interval)));
    }

    [Test]
    public void An_outcome_throws_for_what_is_not_tolerated()
    {
        var outcome = new RouteOutcome(3, [new RouteFailure(1, "delete link 5", Calico.Linux.Errno.NoDevice, null)]);
        Assert.That((outcome.Succeeded(0), outcome.Succeeded(1), outcome.Succeeded(3)), Is.EqualTo((true, false, false)));
        Assert.That(outcome.ThrowIfFailed(Calico.Linux.Errno.NoDevice), Is.SameAs(outcome));
        Assert.That(Assert.Throws<RouteBatchException>(() => outcome.ThrowIfFailed())!.Message,
            Is.EqualTo("delete link 5: No such device (errno 19)"));
    }
}
