using NUnit.Framework;

namespace Calico.UnitTests.Cli;

[TestFixture]
public sealed class StatusCommandTests
{
    private const string Ready = """
        {
          "node": "node1", "version": "0.1.0", "uptimeSeconds": 11532.4, "ready": true, "reasons": [],
          "datastore": { "type": "embedded", "status": "InSync", "revision": 124, "ageSeconds": 0.4 },
          "endpoints": { "Closed": 1, "Enforced": 12 },
          "health": [
            { "part": "cni", "check": "socket", "ok": true, "reason": "", "neededForReady": true },
            { "part": "host", "check": "start", "ok": true, "reason": "", "neededForReady": true }
          ],
          "plugins": [ { "name": "cni", "version": "0.1.0" }, { "name": "hello", "version": "1.2.0" } ],
          "drops": { "invalid": 0, "policy": 7, "unknown": 2 }
        }
        """;

    private const string Unready = """
        {
          "node": "node1", "version": "0.1.0", "uptimeSeconds": 3.25, "ready": false,
          "reasons": ["host: addresses are being loaded", "cni: socket: taken"],
          "datastore": { "type": "etcdv3", "status": "WaitForStore", "revision": 0, "ageSeconds": 65 },
          "endpoints": {},
          "health": [
            { "part": "cni", "check": "socket", "ok": false, "reason": "taken", "neededForReady": true },
            { "part": "host", "check": "start", "ok": true, "reason": "", "neededForReady": true }
          ],
          "plugins": [], "drops": {}
        }
        """;

    [Test]
    public async Task What_is_well_is_said_in_a_word()
    {
        await using var host = new FakeHost().With("/status", Ready).Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo("""
            node1  READY   calico-host 0.1.0, up 3h12m
            store       embedded, in sync, revision 124 enforced, confirmed 0.4s ago
            endpoints   13: 1 closed, 12 enforced
            addresses   none
            adapters    cni 0.1.0, hello 1.2.0
            health      all 2 checks are well
            drops       9: policy 7, unknown 2   calicoctl drops

            """));
    }

    [Test]
    public async Task What_is_not_well_is_said_in_full_and_by_the_exit_code()
    {
        await using var host = new FakeHost().With("/status", Unready).Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status"), Is.EqualTo(1));
        Assert.That(cli.Output, Is.EqualTo("""
            node1  NOT READY, 2 reasons   calico-host 0.1.0, up 3.3s
            store       etcdv3, waiting for the store, revision 0 enforced, confirmed 1m05s ago
            endpoints   none
            addresses   none
            adapters    none
            health      1 of 2 checks are not well
            drops       none
            ! not ready host: addresses are being loaded
            ! not ready cni: socket: taken

            """));
    }

    [Test]
    public async Task A_store_that_never_answered_has_no_age()
    {
        await using var host = new FakeHost().With("/status",
            Unready.Replace("\"ageSeconds\": 65", "\"ageSeconds\": 0", StringComparison.Ordinal)).Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status"), Is.EqualTo(1));
        Assert.That(cli.Output, Does.Contain("store       etcdv3, waiting for the store, revision 0 enforced, never confirmed\n"));
    }

    [TestCase(Ready, 0)]
    [TestCase(Unready, 1)]
    public async Task Json_is_the_hosts_own(string json, int code)
    {
        await using var host = new FakeHost().With("/status", json).Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status", "-o", "json"), Is.EqualTo(code));
        Assert.That(cli.Output, Is.EqualTo(json + "\n"));
    }

    [Test]
    public async Task Members_that_another_version_leaves_out_are_no_error()
    {
        await using var host = new FakeHost().With("/status", """{"node":"old","version":"0.0.9","ready":true}""").Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Does.StartWith("old  READY   calico-host 0.0.9").And.Contain("adapters    none\n"));
    }

    [Test]
    public async Task Drops_are_a_table_of_every_reason()
    {
        await using var host = new FakeHost().With("/drops", """{"invalid":0,"policy":1234567}""").Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status", "-o", "drops"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo(
            "REASON    PACKETS   \n" +
            "invalid   0         \n" +
            "policy    1234567   \n"));
    }

    [Test]
    public async Task Endpoints_are_a_table()
    {
        await using var host = new FakeHost().With("/endpoints", """
            [{"id":"cni/w1/eth0","name":"web","instance":"w1","adapter":"cni","network":"blue","hostInterface":"cali1","addresses":["10.0.0.1/32","fd00::1/128"],
              "profiles":["p"],"state":"Closed","reason":"no policy yet"}]
            """).Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status", "-o", "endpoints"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo(
            "NAME   ENDPOINT      STATE    INTERFACE   ADDRESSES                 NETWORK   ADAPTER   REASON          \n" +
            "web    cni/w1/eth0   Closed   cali1       10.0.0.1/32,fd00::1/128   blue      cni       no policy yet   \n"));
    }

    [Test]
    public async Task Leases_are_a_table()
    {
        await using var host = new FakeHost().With("/leases", """
            [{"address":"10.0.0.1","handle":"h1","purpose":"Endpoint","adapter":"cni","owner":"","boundTo":"cni/w1/eth0","since":"2026-01-02T03:04:05.678+00:00"}]
            """).Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status", "-o", "leases"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo(
            "ADDRESS    PURPOSE    ADAPTER   BOUND-TO      OWNER   HANDLE   SINCE                  \n" +
            "10.0.0.1   Endpoint   cni       cni/w1/eth0           h1       2026-01-02T03:04:05Z   \n"));
    }

    [Test]
    public async Task S12_timings_are_a_table_in_milliseconds()
    {
        await using var host = new FakeHost().With("/status", """
            {"ready":false,"timings":[{"adapter":"cni","call":"ADD","stage":"commit","count":1200,"firstMs":9.876,"p50Ms":0.9,"p99Ms":2.004,"maxMs":31.5},
              {"adapter":"cni","call":"ADD failed","stage":"total","count":1,"firstMs":1,"p50Ms":1,"p99Ms":1,"maxMs":1}]}
            """).Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status", "-o", "timings"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo(
            "ADAPTER   CALL         STAGE    COUNT   FIRST-MS   P50-MS   P99-MS   MAX-MS   \n" +
            "cni       ADD          commit   1200    9.88       0.90     2.00     31.50    \n" +
            "cni       ADD failed   total    1       1.00       1.00     1.00     1.00     \n"));
    }

    [Test]
    public async Task S12_timings_of_a_host_that_does_not_know_them_are_an_empty_table()
    {
        await using var host = new FakeHost().With("/status", """{"ready":true}""").Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status", "-o", "timings"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo("ADAPTER   CALL   STAGE   COUNT   FIRST-MS   P50-MS   P99-MS   MAX-MS   \n"));
    }

    [Test]
    public async Task No_host_is_said_with_the_socket()
    {
        var cli = new CliRun();

        Assert.That(await cli.RunAsync("", "status"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("calico-host is not running: there is no socket /nonexistent/host.sock; start it\n"));
    }

    [Test]
    public async Task A_refusal_is_said_in_the_hosts_words()
    {
        await using var host = new FakeHost().With("/status", "root may ask\n", 403).Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("the Calico host answered /status with status 403: root may ask\n"));
    }

    [Test]
    public async Task Wait_outlasts_a_socket_that_is_not_there_and_a_host_that_starts()
    {
        await using var host = new FakeHost().With("/status", Ready);
        var asked = 0;
        host.Answers["/ready"] = () => ++asked < 3 ? (503, "host: starting\n") : (200, "ok\n");
        var cli = new CliRun { HostSocket = host.Socket };

        var waiting = cli.RunAsync("", "status", "--wait", "1m");
        Assert.That(waiting.IsCompleted, Is.False, "nobody listens yet");
        host.Start();

        Assert.That(await waiting, Is.Zero, cli.Error);
        Assert.That(asked, Is.EqualTo(3));
        Assert.That(cli.Output, Does.StartWith("node1  READY"));
        Assert.That(cli.Error, Is.Empty);
    }

    [Test]
    public async Task Wait_ends_with_the_reasons_when_time_is_up()
    {
        await using var host = new FakeHost().With("/ready", "host: starting\ncni: socket: taken\n", 503).Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status", "--wait", "300ms"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("not ready after 300ms:\nhost: starting\ncni: socket: taken\n"));
        Assert.That(cli.Output, Is.Empty);
    }

    [Test]
    public async Task Wait_without_a_host_says_so()
    {
        var cli = new CliRun();

        Assert.That(await cli.RunAsync("", "status", "--wait", "50ms"), Is.EqualTo(1));
        Assert.That(cli.Error,
            Is.EqualTo("not ready after 50ms:\ncalico-host is not running: there is no socket /nonexistent/host.sock; start it\n"));
    }

    [TestCase("10")]
    [TestCase("s")]
    [TestCase("-1s")]
    [TestCase("1sm")]
    [TestCase("0s")]
    [TestCase("1e9h")]
    [TestCase("")]
    public async Task A_wait_that_is_no_duration_is_refused(string text)
    {
        var cli = new CliRun();

        Assert.That(await cli.RunAsync("", "status", $"--wait={text}"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.Not.Empty.And.Not.Contain("not ready"));
    }
}
