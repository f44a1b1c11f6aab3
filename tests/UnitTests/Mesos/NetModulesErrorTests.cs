using System.Runtime.Versioning;
using System.Text.Json;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>Every refusal of net-modules' protocol, byte for byte: docs/mesos.md has the list of 2016's tests.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
[UnsupportedOSPlatform("windows")]
public sealed class NetModulesErrorTests
{
    private const string Isolate = """
        {"command":"isolate","args":{"hostname":"h","container_id":"c","pid":PID,"ipv4_addrs":["10.65.0.9"],
        "ipv6_addrs":[],"netgroups":[],"labels":[]}}
        """;
    private const string Allocate =
        """{"command":"allocate","args":{"hostname":"h","num_ipv4":1,"num_ipv6":0,"uid":"u","netgroups":[],"labels":[]}}""";
    private const string Reserve = """
        {"command":"reserve","args":{"hostname":"h","uid":"u","ipv4_addrs":["10.65.0.9"],"ipv6_addrs":[],"netgroups":[],"labels":[]}}
        """;
    private const string Release = """{"command":"release","args":{"uid":"u"}}""";
    private const string Cleanup = """{"command":"cleanup","args":{"hostname":"h","container_id":"c"}}""";

    private MesosHarness _mesos = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _mesos = await MesosHarness.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _mesos.DisposeAsync();

    // dispatch
    [TestCase("{}", "Missing command")]
    [TestCase("[]", "Missing command")]
    [TestCase("""{"args":{}}""", "Missing command")]
    [TestCase("""{"command":"isolate"}""", "Missing args")]
    [TestCase("""{"command":"not-a-real-command","args":{}}""", "Unknown command: not-a-real-command")]
    [TestCase("""{"command":7,"args":{}}""", "Unknown command: 7")]
    [TestCase("""{"command":"initialize","args":{}}""", "Unknown command: initialize")]
    [TestCase("""{"command":"isolate","args":[]}""", "args must be an object")]
    public Task M18_dispatch_refuses(string input, string error) => RefusesAsync(input, error);

    [TestCase(Isolate, "\"container_id\":\"c\",", "", "Missing container_id")]
    [TestCase(Isolate, "\"container_id\":\"c\"", "\"container_id\":\"\"", "Missing container_id")]
    [TestCase(Isolate, "\"container_id\":\"c\"", "\"container_id\":null", "Missing container_id")]
    [TestCase(Isolate, "\"container_id\":\"c\"", "\"container_id\":[1]", "container_id must be a string")]
    [TestCase(Isolate, "\"container_id\":\"c\"", "\"container_id\":\"a/b\"",
        "'a/b' is no container id: 1 to 128 letters, digits, '-' and '_'")]
    [TestCase(Isolate, "\"hostname\":\"h\",", "", "Missing hostname")]
    [TestCase(Isolate, "\"pid\":PID,", "", "Missing pid")]
    [TestCase(Isolate, "\"pid\":PID", "\"pid\":0", "Missing pid")]
    [TestCase(Isolate, "\"pid\":PID", "\"pid\":\"x\"", "pid must be an integer")]
    [TestCase(Isolate, "\"pid\":PID", "\"pid\":1.5", "pid must be an integer")]
    [TestCase(Isolate, "\"pid\":PID", "\"pid\":2147483647", "there is no process 2147483647")]
    [TestCase(Isolate, "[\"10.65.0.9\"]", "[]", "Must provide at least one IPv4 or IPv6 address.")]
    [TestCase(Isolate, "[\"10.65.0.9\"]", "\"10.65.0.9\"", "IP addresses must be provided as JSON list, not: \\\"10.65.0.9\\\"")]
    [TestCase(Isolate, "10.65.0.9", "10.65.0", "IP address could not be parsed: 10.65.0")]
    [TestCase(Isolate, "10.65.0.9", "not-an-address", "IP address could not be parsed: not-an-address")]
    [TestCase(Isolate, "10.65.0.9", "fd80::1", "IPv6 address must not be placed in IPv4 address field.")]
    [TestCase(Isolate, "\"ipv6_addrs\":[]", "\"ipv6_addrs\":[\"10.65.0.9\"]", "IPv4 address must not be placed in IPv6 address field.")]
    [TestCase(Isolate, "\"netgroups\":[]", "\"netgroups\":\"a\"", "Must provide list of netgroups.")]
    [TestCase(Isolate, "\"netgroups\":[],", "", "Must provide list of netgroups.")]
    [TestCase(Isolate, "\"netgroups\":[]", "\"netgroups\":[7]", "Must provide list of netgroups.")]
    [TestCase(Isolate, "\"netgroups\":[]", "\"netgroups\":[\"kns.default\"]",
        "group 'kns.default': profiles that 'kns.' begins the name of are others'")]
    [TestCase(Isolate, "\"labels\":[]", "\"labels\":\"a\"", "labels must be a list of objects with key and value, not: \\\"a\\\"")]
    [TestCase(Isolate, "\"labels\":[]", "\"labels\":[{\"value\":\"v\"}]",
        "a label has a key and a value, this has not: {\\\"value\\\":\\\"v\\\"}")]
    [TestCase(Allocate, "\"hostname\":\"h\",", "", "Missing hostname")]
    [TestCase(Allocate, "\"num_ipv4\":1,", "", "Missing num_ipv4")]
    [TestCase(Allocate, "\"num_ipv6\":0,", "", "Missing num_ipv6")]
    [TestCase(Allocate, "\"uid\":\"u\",", "", "Missing uid")]
    [TestCase(Allocate, "\"uid\":\"u\"", "\"uid\":7", "uid must be a string")]
    [TestCase(Allocate, "\"uid\":\"u\"", "\"uid\":\"a b\"", "Invalid UID: a b")]
    [TestCase(Allocate, "\"num_ipv4\":1", "\"num_ipv4\":\"x\"", "num_ipv4 must be an integer")]
    [TestCase(Allocate, "\"num_ipv6\":0", "\"num_ipv6\":true", "num_ipv6 must be an integer")]
    [TestCase(Allocate, "\"num_ipv4\":1", "\"num_ipv4\":-1", "num_ipv4 must be an integer")]
    [TestCase(Allocate, "\"num_ipv4\":1", "\"num_ipv4\":65", "num_ipv4 is 65; at most 64 can be")]
    [TestCase(Allocate, "\"labels\":[]", "\"labels\":[{\"key\":\"ipv4_addrs\",\"value\":\"192.168.1.1\"}]",
        "Calico detected a malformed ipv4_addrs field in a label: 192.168.1.1")]
    [TestCase(Reserve, "\"hostname\":\"h\",", "", "Missing hostname")]
    [TestCase(Reserve, "\"uid\":\"u\",", "", "Missing uid")]
    [TestCase(Reserve, "[\"10.65.0.9\"]", "[]", "Must provide at least one IPv4 or IPv6 address.")]
    [TestCase(Release, "\"uid\":\"u\"", "", "Must supply either uid or ips.")]
    [TestCase(Release, "\"uid\":\"u\"", "\"uid\":\"u\",\"ips\":[\"10.65.0.9\"]", "Supply either uid or ips, not both.")]
    [TestCase(Release, "\"uid\":\"u\"", "\"uid\":7", "uid must be a string")]
    [TestCase(Release, "\"uid\":\"u\"", "\"uid\":\"ü\"", "Invalid UID: ü")]
    [TestCase(Release, "\"uid\":\"u\"", "\"ips\":\"10.65.0.9\"", "IP addresses must be provided as JSON list, not: \\\"10.65.0.9\\\"")]
    [TestCase(Cleanup, "\"hostname\":\"h\",", "", "Missing hostname")]
    [TestCase(Cleanup, ",\"container_id\":\"c\"", "", "Missing container_id")]
    [TestCase(Cleanup, "\"container_id\":\"c\"", "\"container_id\":\"not-there\"", "No endpoint found with container-id: not-there")]
    public Task M18_a_command_refuses(string command, string part, string instead, string error)
    {
        Assert.That(command, Does.Contain(part));
        return RefusesAsync(command.Replace(part, instead, StringComparison.Ordinal), error);
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("{\"command\":\"cleanup\",}")]
    [TestCase("not json")]
    public async Task M18_what_is_no_JSON_is_refused_with_the_parsers_word(string input)
    {
        var (code, output) = await _mesos.NetModulesAsync(input);
        Assert.That(code, Is.EqualTo(1));
        Assert.That(JsonDocument.Parse(output).RootElement.GetProperty("error").GetString(), Is.Not.Empty);
    }

    [Test]
    public async Task M18_a_refusal_is_never_longer_than_net_modules_reads()
    {
        var (code, output) = await _mesos.NetModulesAsync($$$"""{"command":"{{{new string('ä', 200_000)}}}","args":{}}""");
        Assert.That((code, output.StartsWith("{\"error\":\"Unknown command: ä", StringComparison.Ordinal)), Is.EqualTo((1, true)));
        Assert.That(System.Text.Encoding.UTF8.GetByteCount(output), Is.LessThanOrEqualTo(40960));
        Assert.That(JsonDocument.Parse(output).RootElement.EnumerateObject().Count(), Is.EqualTo(1));
    }

    [TearDown]
    public void NothingIsLeft() => Assert.That((_mesos.Node.Endpoints.Length, _mesos.Node.Leases.Length), Is.EqualTo((0, 0)));

    private async Task RefusesAsync(string input, string error)
    {
        var answer = await _mesos.NetModulesAsync(input.Replace("PID", $"{MesosHarness.Pid}", StringComparison.Ordinal));
        Assert.That(answer, Is.EqualTo((1, $"{{\"error\":\"{error}\"}}")));
    }
}
