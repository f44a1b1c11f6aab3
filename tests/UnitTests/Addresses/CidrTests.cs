using System.Net;
using System.Numerics;
using System.Runtime.CompilerServices;
using Calico.Datastore.Addresses;
using NUnit.Framework;

namespace Calico.UnitTests.Addresses;

[TestFixture]
public sealed class CidrTests
{
    [TestCase("10.1.2.3/8", "10.0.0.0/8")]
    [TestCase("10.65.0.63/26", "10.65.0.0/26")]
    [TestCase("0.0.0.0/0", "0.0.0.0/0")]
    [TestCase("255.255.255.255/0", "0.0.0.0/0")]
    [TestCase("255.255.255.255/1", "128.0.0.0/1")]
    [TestCase("255.255.255.255", "255.255.255.255/32")]
    [TestCase("10.0.0.1/32", "10.0.0.1/32")]
    [TestCase("2001:DB8::1", "2001:db8::1/128")]
    [TestCase("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/0", "::/0")]
    [TestCase("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/1", "8000::/1")]
    [TestCase("fd00:1:2:3:4:5:6:7/64", "fd00:1:2:3::/64")]
    [TestCase("fd00:1:2:3:4:5:6:7/65", "fd00:1:2:3::/65")]
    [TestCase("fd00:1:2:3:4:5:6:7/127", "fd00:1:2:3:4:5:6:6/127")]
    [TestCase("::ffff:10.0.0.1", "10.0.0.1/32")]
    [TestCase("::ffff:10.0.0.1/24", "10.0.0.0/24")]
    [TestCase("::ffff:a00:1/24", "10.0.0.0/24")]
    public void Text_is_read_as_the_range_that_holds_it(string text, string canonical)
    {
        Assert.That(Cidr.TryParse(text, out var cidr));
        Assert.That(cidr.ToString(), Is.EqualTo(canonical));
        Assert.That(Cidr.Parse(canonical), Is.EqualTo(cidr));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("/24")]
    [TestCase("pool")]
    [TestCase("1")]
    [TestCase("10.1")]
    [TestCase("10.1/16")]
    [TestCase("10.0.0.0.0")]
    [TestCase("10..0.1")]
    [TestCase("10.0.0.")]
    [TestCase("10.0.0.256")]
    [TestCase("0x0a000001")]
    [TestCase("0x0a.0.0.1")]
    [TestCase("010.0.0.1")]
    [TestCase("012.0.0.1/8")]
    [TestCase("10.0.0.1 ")]
    [TestCase(" 10.0.0.1")]
    [TestCase("+1.0.0.1")]
    [TestCase("10.0.0.1/")]
    [TestCase("10.0.0.1/33")]
    [TestCase("10.0.0.1/-1")]
    [TestCase("10.0.0.1/+8")]
    [TestCase("10.0.0.1/08")]
    [TestCase("10.0.0.1/ 8")]
    [TestCase("10.0.0.1/256")]
    [TestCase("10.0.0.1/8/8")]
    [TestCase("10.0.0.1/255.0.0.0")]
    [TestCase("10.0.0.1:80")]
    [TestCase("::1/129")]
    [TestCase("fd00::/8/8")]
    [TestCase("fe80::1%eth0")]
    [TestCase("fe80::1%2/64")]
    [TestCase("[::1]")]
    [TestCase("[::1]:80")]
    [TestCase("::1::")]
    [TestCase("::ffff:012.0.0.1")]
    [TestCase("::ffff:10.0.0.0/104")]
    public void Text_that_nobody_means_is_refused(string? text)
    {
        Assert.That(Cidr.TryParse(text, out var cidr), Is.False);
        Assert.That(cidr, Is.EqualTo(default(Cidr)));
    }

    [Test]
    public void Parse_says_which_text_is_no_range()
    {
        var refused = Assert.Throws<CalicoException>(() => Cidr.Parse("10.1"))!;
        Assert.That((refused.Problem, refused.Message), Is.EqualTo((Problem.Invalid, "\"10.1\" is not a CIDR")));
    }

    [TestCase("10.0.0.1", "10.0.0.1", "10.0.0.1/32")]
    [TestCase("10.0.0.0/26", "10.0.0.0/26", "10.0.0.0/26")]
    [TestCase("0.0.0.0/32", "0.0.0.0", "0.0.0.0/32")]
    [TestCase("0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0")]
    [TestCase("fd00::1", "fd00::1", "fd00::1/128")]
    [TestCase("::/0", "::/0", "::/0")]
    [TestCase("fd00::/32", "fd00::/32", "fd00::/32")]
    public void Short_text_has_no_length_for_one_address(string text, string brief, string full)
    {
        var cidr = Cidr.Parse(text);
        Assert.That((cidr.ToShortString(), cidr.ToString()), Is.EqualTo((brief, full)));
    }

    [TestCase("0.0.0.0/0", 4, 32, false, "0.0.0.0", "255.255.255.255", "4294967296")]
    [TestCase("10.65.0.0/26", 4, 32, false, "10.65.0.0", "10.65.0.63", "64")]
    [TestCase("255.255.255.254/31", 4, 32, false, "255.255.255.254", "255.255.255.255", "2")]
    [TestCase("255.255.255.255/32", 4, 32, true, "255.255.255.255", "255.255.255.255", "1")]
    [TestCase("::/0", 6, 128, false, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "340282366920938463463374607431768211456")]
    [TestCase("::/1", 6, 128, false, "::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "170141183460469231731687303715884105728")]
    [TestCase("fd00::/64", 6, 128, false, "fd00::", "fd00::ffff:ffff:ffff:ffff", "18446744073709551616")]
    [TestCase("fd00::40/122", 6, 128, false, "fd00::40", "fd00::7f", "64")]
    [TestCase("fd00::1/128", 6, 128, true, "fd00::1", "fd00::1", "1")]
    public void Range_knows_its_ends_and_size(string text, int version, int bits, bool isHost, string first, string last, string count)
    {
        var cidr = Cidr.Parse(text);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((cidr.Version, cidr.AddressBits, cidr.IsHost, cidr.IsIpv6), Is.EqualTo((version, bits, isHost, version == 6)));
            Assert.That(cidr.FirstAddress(), Is.EqualTo(IPAddress.Parse(first)));
            Assert.That(cidr.LastAddress(), Is.EqualTo(IPAddress.Parse(last)));
            Assert.That(cidr.Count, Is.EqualTo(BigInteger.Parse(count, System.Globalization.CultureInfo.InvariantCulture)));
            Assert.That((BigInteger)(cidr.Last - cidr.First), Is.EqualTo(cidr.Count - 1));
            Assert.That(cidr.AddressAt(cidr.Last - cidr.First), Is.EqualTo(cidr.LastAddress()));
        }
    }

    [TestCase("10.0.0.0/8", "10.255.255.255/32", true)]
    [TestCase("10.0.0.0/8", "10.0.0.0/8", true)]
    [TestCase("10.0.0.0/8", "10.0.0.0/7", false)]
    [TestCase("10.0.0.0/8", "11.0.0.0/32", false)]
    [TestCase("10.0.0.1/32", "10.0.0.1/32", true)]
    [TestCase("10.0.0.1/32", "10.0.0.0/32", false)]
    [TestCase("0.0.0.0/0", "255.255.255.255/32", true)]
    [TestCase("0.0.0.0/0", "::/0", false)]
    [TestCase("::/0", "0.0.0.0/0", false)]
    [TestCase("::/0", "10.0.0.1/32", false)]
    [TestCase("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", true)]
    [TestCase("::/96", "0.0.0.1/32", false)]
    [TestCase("::ffff:0.0.0.0/0", "10.0.0.1/32", true)]
    [TestCase("fd00::/64", "fd00:0:0:0:8000::/65", true)]
    [TestCase("fd00::/64", "fd00:0:0:1::/65", false)]
    public void Range_contains_what_lies_wholly_inside(string outer, string inner, bool expected)
    {
        var (range, other) = (Cidr.Parse(outer), Cidr.Parse(inner));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(range.Contains(other), Is.EqualTo(expected));
            Assert.That(range.Contains(other.FirstAddress()) && range.Contains(other.LastAddress()), Is.EqualTo(expected));
            Assert.That(range.Overlaps(other), Is.EqualTo(expected || other.Contains(range)));
            Assert.That(other.Overlaps(range), Is.EqualTo(range.Overlaps(other)));
        }
    }

    [Test]
    public void Ranges_sort_by_family_then_address_then_wider_first()
    {
        string[] sorted =
        [
            "0.0.0.0/0", "0.0.0.0/32", "9.255.255.255/32", "10.0.0.0/8", "10.0.0.0/26", "10.0.0.0/32", "10.0.0.1/32", "255.255.255.255/32",
            "::/0", "::/128", "::1/128", "0:0:0:1::/64", "fd00::/8", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
        ];
        var ranges = sorted.Select(Cidr.Parse).ToArray();
        Assert.That(ranges.Reverse().Order().Select(r => r.ToString()), Is.EqualTo(sorted));
        foreach (var (before, after) in ranges.Zip(ranges.Skip(1)))
        {
            Assert.That((before < after, before <= after, before > after, before >= after, before == after),
                Is.EqualTo((true, true, false, false, false)), $"{before} {after}");
        }
    }

    [Test]
    public void Same_number_in_the_other_family_is_another_range()
    {
        Assert.That(new Cidr(false, 1, 32), Is.Not.EqualTo(new Cidr(true, 1, 32)));
        Assert.That(new Cidr(false, 1, 32).CompareTo(new Cidr(true, 1, 128)), Is.Negative);
        Assert.That(new Cidr(true, UInt128.One << 64, 128), Is.Not.EqualTo(new Cidr(true, 1, 128)));
    }

    [TestCase("10.0.0.0/26")]
    [TestCase("10.0.0.1/32")]
    [TestCase("0.0.0.0/0")]
    [TestCase("fd00::/122")]
    [TestCase("::/0")]
    public void Framework_network_there_and_back_is_the_same(string text)
    {
        var network = IPNetwork.Parse(text);
        Assert.That(Cidr.From(network), Is.EqualTo(Cidr.Parse(text)));
        Assert.That(Cidr.From(network).ToNetwork(), Is.EqualTo(network));
    }

    [Test]
    public void Mapped_address_is_ipv4()
    {
        var mapped = IPAddress.Parse("::ffff:10.0.0.1");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Cidr.From(mapped), Is.EqualTo(Cidr.Parse("10.0.0.1")));
            Assert.That(Cidr.Parse("10.0.0.0/8").Contains(mapped));
            Assert.That(Cidr.From(new IPNetwork(mapped, 128)), Is.EqualTo(Cidr.Parse("10.0.0.1")));
            Assert.That(Cidr.From(IPNetwork.Parse("::ffff:10.0.0.0/120")), Is.EqualTo(Cidr.Parse("10.0.0.0/24")));
            Assert.That(Cidr.From(IPNetwork.Parse("::ffff:0.0.0.0/96")), Is.EqualTo(Cidr.Parse("0.0.0.0/0")));
            Assert.That(Cidr.From(IPNetwork.Parse("::fffe:0:0/95")).ToString(), Is.EqualTo("::fffe:0:0/95"));
        }
    }

    [Test]
    public void Widening_clears_the_bits_behind()
    {
        var address = Cidr.Parse("fd00:1:2:3:4:5:6:7");
        Assert.That(new[] { 128, 122, 64, 63, 0 }.Select(length => address.Widen(length).ToString()),
            Is.EqualTo(new[] { "fd00:1:2:3:4:5:6:7/128", "fd00:1:2:3:4:5:6:0/122", "fd00:1:2:3::/64", "fd00:1:2:2::/63", "::/0" }));
    }

    [TestCase(false, 33)]
    [TestCase(false, -1)]
    [TestCase(true, 129)]
    [TestCase(true, -1)]
    public void Length_that_the_family_has_not_is_refused(bool isIpv6, int prefixLength)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Cidr(isIpv6, 0, prefixLength));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Cidr(isIpv6, 0, 0).Widen(prefixLength));
    }

    [Test]
    public void Range_is_small()
    {
        Assert.That(Unsafe.SizeOf<Cidr>(), Is.LessThanOrEqualTo(24));
    }

    [TestCase("10.0.0.5/24", "10.0.0.5", 24)]
    [TestCase("10.0.0.5", "10.0.0.5", 32)]
    [TestCase("fd00::5/64", "fd00::5", 64)]
    [TestCase("::ffff:10.0.0.5", "10.0.0.5", 32)]
    public void Address_with_a_length_keeps_its_host_bits(string text, string expected, int expectedLength)
    {
        Assert.That(AddressText.TryParse(text, out var address, out var length));
        Assert.That((address!.ToString(), length), Is.EqualTo((expected, expectedLength)));
    }
}
