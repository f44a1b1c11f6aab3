using System.Net;
using System.Text;
using Calico.Plugins.Cni.Protocol;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>Errors and results as they go out, and as delegates and runtimes send them in.</summary>
public sealed class CniErrorTests
{
    private const string Ended = "the call was ended before it was done: the host is stopping, or who called has gone; try again later";

    private static readonly object[][] Problems =
    [
        [new CniException(7, "m", "d"), "ADD", new CniError(7, "m", "d")],
        [new OperationCanceledException("x"), "ADD", new CniError(11, Ended, "")],
        [new FormatException("why"), "ADD", new CniError(100, "internal error: FormatException", "why")],
        [new CalicoException(Problem.Invalid, "m", "CNI_IFNAME"), "ADD", new CniError(4, "CNI_IFNAME: m", "")],
        [new CalicoException(Problem.Invalid, "m", "ipam.CNI_"), "ADD", new CniError(7, "ipam.CNI_: m", "")],
        [new CalicoException(Problem.Invalid, "m"), "ADD", new CniError(7, "m", "")],
        [new CalicoException(Problem.NotFound, "m"), "CHECK", new CniError(3, "m", "")],
        [new CalicoException(Problem.NotFound, "m"), "ADD", new CniError(100, "m", "")],
        [new CalicoException(Problem.NotFound, "m", "ipam.ipv4_pools"), "ADD", new CniError(7, "ipam.ipv4_pools: m", "")],
        [new CalicoException(Problem.Conflict, "m"), "ADD", new CniError(11, "m", "")],
        [new CalicoException(Problem.Unavailable, "m", inner: new IOException("etcd")), "ADD", new CniError(11, "m", "etcd")],
        [new CalicoException(Problem.Unsupported, "m", "device_type"), "ADD", new CniError(2, "device_type: m", "")],
        [new CalicoException(Problem.Unsupported, "m"), "ADD", new CniError(100, "m", "")],
        [new CalicoException(Problem.Exhausted, "1 of 2 requested IPv4 addresses"), "ADD",
            new CniError(100, "failed to request IPv4 addresses: 1 of 2 requested IPv4 addresses", "")],
        [new CalicoException(Problem.Exhausted, "1 of 2 requested IPv6 addresses"), "ADD",
            new CniError(100, "failed to request IPv6 addresses: 1 of 2 requested IPv6 addresses", "")],
        [new CalicoException(Problem.Exhausted, "the disk is full"), "ADD", new CniError(100, "the disk is full", "")],
        [new CalicoException(Problem.Refused, "requested IPv4 addresses"), "ADD", new CniError(100, "requested IPv4 addresses", "")],
    ];

    [TestCaseSource(nameof(Problems))]
    public void Each_problem_has_its_code_and_words(Exception problem, string verb, object error) =>
        Assert.That(CniError.From(problem, verb), Is.EqualTo(error));

    [Test]
    public void An_error_is_written_as_the_specification_says()
    {
        Assert.That(Encoding.UTF8.GetString(new CniError(7, "m \"q\"", "d").ToJson("9.9.9")),
            Is.EqualTo("{\"cniVersion\":\"9.9.9\",\"code\":7,\"msg\":\"m \\u0022q\\u0022\",\"details\":\"d\"}\n"));
        Assert.That(Encoding.UTF8.GetString(new CniError(7, "m", "").ToJson("")),
            Is.EqualTo("{\"cniVersion\":\"\",\"code\":7,\"msg\":\"m\"}\n"));
    }

    [TestCase("""{"code":7,"msg":"m","details":"d"}""", 7, "m", "d")]
    [TestCase("""{"code":7}""", 7, "", "")]
    [TestCase("""{"code":7,"msg":1,"details":null}""", 7, "", "")]
    [TestCase("""{"code":"7","msg":"m"}""", null, "", "")]
    [TestCase("""{"code":7.5,"msg":"m"}""", null, "", "")]
    [TestCase("""{"msg":"m"}""", null, "", "")]
    [TestCase("""{"code":7,"msg":"\ud800"}""", null, "", "")]
    [TestCase("[7]", null, "", "")]
    [TestCase("Killed", null, "", "")]
    [TestCase("", null, "", "")]
    public void A_delegates_error_is_read_and_what_is_none_is_none(string output, int? code, string message, string details) =>
        Assert.That(CniError.Read(Encoding.UTF8.GetBytes(output)),
            Is.EqualTo(code is { } number ? new CniError(number, message, details) : null));

    [TestCase("[]", "host-local answered with something that is not a result", "")]
    [TestCase("Killed", "host-local answered with something that is not JSON", null)]
    [TestCase("""{"ips":[{"address":"\ud800"}]}""", "host-local answered with something that is not JSON", null)]
    [TestCase("""{"ips":[{"address":"x"}],"ip4":7}""",
        "host-local answered with a broken result: ips[0].address: \"x\" is not an address with a prefix length",
        "ips[0].address: \"x\" is not an address with a prefix length; ip4: must be an object")]
    [TestCase("""{"ip4":{"ip":"10.0.0.1/24","gateway":"y"}}""",
        "host-local answered with a broken result: ip4.gateway: \"y\" is not an address", "ip4.gateway: \"y\" is not an address")]
    [TestCase("""{"ip6":{"ip":"fd80::1/64","routes":[{"dst":"z"}]}}""",
        "host-local answered with a broken result: ip6.routes[0].dst: \"z\" is not a CIDR", "ip6.routes[0].dst: \"z\" is not a CIDR")]
    public void A_delegates_answer_that_is_no_result_is_refused_in_its_name(string output, string message, string? details)
    {
        var refusal = Assert.Throws<CniException>(() => CniResultReader.Read(Encoding.UTF8.GetBytes(output), "host-local"))!;
        Assert.That((refusal.Code, refusal.Message), Is.EqualTo((CniCode.Undecodable, message)));
        Assert.That(refusal.Details, details is null ? Is.Not.Empty : Is.EqualTo(details));
    }

    [Test]
    public void A_result_is_read_whole_whatever_its_version()
    {
        var read = CniResultReader.Read("""
            {"interfaces":[{"name":"a","mac":"m","sandbox":"s","mtu":65536}],"ips":[{"address":"10.0.0.1/24","gateway":"10.0.0.254","interface":0},{"address":"fd80::1/64"}],
            "routes":[{"dst":"10.9.9.9/8","gw":"10.0.0.254"},{"dst":"::/0"}],"dns":{"domain":"d"},"ip4":{"ip":"10.1.0.1/24","gateway":"10.1.0.254","routes":[{"dst":"10.8.0.0/16"}]}}
            """u8.ToArray(), "test");
        Assert.That(read.Interfaces, Is.EqualTo(new[] { new CniInterface("a", "m", "s", 65536) }));
        Assert.That(read.Addresses, Is.EqualTo(new[]
        {
            new CniAddress(new(IPAddress.Parse("10.0.0.1"), 24), IPAddress.Parse("10.0.0.254"), 0),
                new CniAddress(new(IPAddress.Parse("fd80::1"), 64), null, null),
            new CniAddress(new(IPAddress.Parse("10.1.0.1"), 24), IPAddress.Parse("10.1.0.254"), null),
        }));
        Assert.That(read.Routes, Is.EqualTo(new[]
        {
            new CniRoute(IPNetwork.Parse("10.0.0.0/8"), IPAddress.Parse("10.0.0.254")), new CniRoute(IPNetwork.Parse("::/0"), null),
                new CniRoute(IPNetwork.Parse("10.8.0.0/16"), null),
        }));
        Assert.That(read.Dns, Is.EqualTo("""{"domain":"d"}"""));
    }

    [TestCase("0.2.0", """{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.1/24","gateway":"10.0.0.254"},"dns":{"domain":"d"}}""")]
    [TestCase("0.3.1", """{"cniVersion":"0.3.1","interfaces":[{"name":"a"}],"ips":[{"version":"4","interface":0,"address":"10.0.0.1/24","gateway":"10.0.0.254"},{"version":"4","address":"10.0.0.2/24"}],"dns":{"domain":"d"}}""")]
    [TestCase("1.0.0", """{"cniVersion":"1.0.0","interfaces":[{"name":"a"}],"ips":[{"interface":0,"address":"10.0.0.1/24","gateway":"10.0.0.254"},{"address":"10.0.0.2/24"}],"dns":{"domain":"d"}}""")]
    [TestCase("1.1.0", """{"cniVersion":"1.1.0","interfaces":[{"name":"a"}],"ips":[{"interface":0,"address":"10.0.0.1/24","gateway":"10.0.0.254"},{"address":"10.0.0.2/24"}],"dns":{"domain":"d"}}""")]
    public void What_is_not_known_is_left_out_of_a_result(string version, string expected)
    {
        Assert.That(CniVersion.TryParse(version, out var parsed), Is.True);
        var result = new CniResult
        {
            Interfaces = [new("a", "", "", 0)],
            Addresses = [new(new(IPAddress.Parse("10.0.0.1"), 24), IPAddress.Parse("10.0.0.254"), 0),
                new(new(IPAddress.Parse("10.0.0.2"), 24), null, null)],
            Dns = """{"domain":"d"}""",
        };
        Assert.That(Encoding.UTF8.GetString(CniResultWriter.Write(result, parsed)), Is.EqualTo(expected + "\n"));
        Assert.That(Encoding.UTF8.GetString(CniResultWriter.Write(CniResult.Empty, parsed)),
            Is.EqualTo("{\"cniVersion\":\"" + version + "\",\"dns\":{}}\n"));
    }

    [TestCase("0.1.0", false, false, true, false, false)]
    [TestCase("0.2.0", false, false, true, false, false)]
    [TestCase("0.3.0", false, false, false, true, false)]
    [TestCase("0.3.1", false, false, false, true, false)]
    [TestCase("0.4.0", true, false, false, true, false)]
    [TestCase("1.0.0", true, false, false, false, false)]
    [TestCase("1.1.0", true, true, false, false, true)]
    public void Each_version_has_what_it_has(string text, bool check, bool gc, bool families, bool family, bool mtu)
    {
        Assert.That(CniVersion.TryParse(text, out var version), Is.True);
        Assert.That((version.ToString(), version.HasCheck, version.HasGcAndStatus, version.HasFamilyObjects, version.HasAddressFamily,
            version.HasInterfaceMtu),
            Is.EqualTo((text, check, gc, families, family, mtu)));
        Assert.That((CniVersion.TryParse("", out var unstated), unstated, CniVersion.TryParse("1.2.0", out _)),
            Is.EqualTo((true, CniVersion.Unstated, false)));
        Assert.That(CniVersion.Unstated.ToString(), Is.EqualTo("0.2.0"));
    }
}
