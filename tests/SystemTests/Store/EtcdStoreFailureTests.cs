using System.Diagnostics;
using System.Text;
using Calico.Datastore.Etcd;
using Calico.Datastore.Store;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.SystemTests.Store;

public sealed class EtcdStoreFailureTests
{
    private CancellationToken _ct;

    [SetUp]
    public void Start() => _ct = new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    [Test]
    public async Task A_watch_goes_on_where_it_was_when_etcd_is_killed_and_started_again()
    {
        await using var etcd = await EtcdProcess.StartAsync();
        await using var store = EmbeddedServer.Connect(etcd.Endpoint);
        var from = await PutAsync(store, "/x/0", "0") + 1;
        await using var watch = new WatchReader(store, "/x/", from, _ct);
        for (var i = 1; i <= 10; i++)
        {
            await PutAsync(store, $"/x/{i}", $"{i}");
            if (i % 5 == 0)
            {
                await etcd.KillAsync();
                await etcd.StartAgainAsync();
            }
        }

        for (var i = 1; i <= 10; i++)
        {
            Assert.That(await watch.NextAsync(), Is.EqualTo($"put {i}={i}"));
        }
    }

    [Test]
    public async Task A_watch_of_the_embedded_store_survives_its_restart()
    {
        await using var server = await EmbeddedServer.StartAsync();
        await using var store = EmbeddedServer.Connect(server.UnixEndpoint);
        var from = await PutAsync(store, "/x/0", "0") + 1;
        await using var watch = new WatchReader(store, "/x/", from, _ct);
        await PutAsync(store, "/x/1", "1");
        Assert.That(await watch.NextAsync(), Is.EqualTo("put 1=1"));
        await server.StopAsync();
        await server.StartAgainAsync(0);
        await PutAsync(store, "/x/2", "2");
        Assert.That(await watch.NextAsync(), Is.EqualTo("put 2=2"));
    }

    [Test]
    public async Task Another_store_behind_the_same_address_is_noticed()
    {
        await using var first = await EmbeddedServer.StartAsync();
        await using var store = EmbeddedServer.Connect(first.TcpEndpoint);
        var from = await PutAsync(store, "/x/0", "0") + 1;
        await using var watch = new WatchReader(store, "/x/", from, _ct);
        await PutAsync(store, "/x/1", "1");
        await watch.NextAsync();
        var port = new Uri(first.TcpEndpoint).Port;
        await first.StopAsync();
        File.Delete(Path.Combine(first.Folder, "calico.db"));
        await first.StartAgainAsync(port);
        await Assert.ThrowsAsync<CompactedException>(watch.NextAsync);
    }

    [Test]
    public async Task A_dead_endpoint_is_passed_over()
    {
        await using var etcd = await EtcdProcess.StartAsync();
        await using var store = EmbeddedServer.Connect($"http://127.0.0.1:{EtcdProcess.FreePort()}", "unix:///nowhere/at/all.sock",
            etcd.Endpoint);
        Assert.That(await PutAsync(store, "/a", "1"), Is.GreaterThan(0), "a write that was not sent goes to the next");
    }

    [Test]
    public async Task No_answer_is_unavailable_and_names_the_endpoint()
    {
        var endpoint = $"http://127.0.0.1:{EtcdProcess.FreePort()}";
        await using var store = EmbeddedServer.Connect(endpoint);
        var error = await Assert.ThrowsAsync<CalicoException>(() => store.GetAsync("/a", 0, _ct));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(error.Message, Does.Contain(endpoint).And.Contain("get /a").And.Contain("refused"));
    }

    /// <summary>A process that is stopped keeps its connections open and says nothing.</summary>
    [Test]
    public async Task A_hung_endpoint_is_noticed_within_15_seconds()
    {
        await using var hung = await EtcdProcess.StartAsync();
        await using var store = EmbeddedServer.Connect(hung.Endpoint);
        await PutAsync(store, "/a", "1");
        await using var watch = new WatchReader(store, "/", 0, _ct);
        await watch.StartedAsync();
        await SignalAsync("STOP", hung.Id);
        try
        {
            var clock = Stopwatch.StartNew();
            var error = await Assert.ThrowsAsync<CalicoException>(() => PutAsync(store, "/a", "2"));
            Assert.That(error!.Problem, Is.EqualTo(Problem.Unavailable));
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(15)));
        }
        finally
        {
            await SignalAsync("CONT", hung.Id);
        }

        // The write that was never answered may have been taken; this one comes after it in any case.
        await PutAsync(store, "/a", "3");
        string heard;
        do
        {
            heard = await watch.NextAsync();
        }
        while (!heard.StartsWith("put a=3", StringComparison.Ordinal));
    }

    [Test]
    public async Task User_and_password_with_a_token_that_etcd_forgets()
    {
        await using var etcd = await EtcdProcess.StartAsync();
        await EtcdctlAsync(etcd, "user", "add", "calico:canary-secret");
        await EtcdctlAsync(etcd, "user", "add", "root:root-secret");
        await EtcdctlAsync(etcd, "role", "add", "calico");
        await EtcdctlAsync(etcd, "role", "grant-permission", "calico", "--prefix=true", "readwrite", "/calico/");
        await EtcdctlAsync(etcd, "user", "grant-role", "calico", "calico");
        await EtcdctlAsync(etcd, "user", "grant-role", "root", "root");
        await EtcdctlAsync(etcd, "auth", "enable");
        var options = new EtcdOptions { Endpoints = [etcd.Endpoint], Username = "calico", Password = new Secret("canary-secret") };
        await using var store = new EtcdStore(options, TimeProvider.System, NullLogger.Instance);
        var from = await PutAsync(store, "/calico/a", "1");
        await using var watch = new WatchReader(store, "/calico/", from, _ct);
        Assert.That(await watch.NextAsync(), Is.EqualTo("put a=1"));

        await etcd.KillAsync();
        await etcd.StartAgainAsync();
        await PutAsync(store, "/calico/a", "2");
        Assert.That(await watch.NextAsync(), Is.EqualTo("put a=2 (was 1)"));

        var denied = await Assert.ThrowsAsync<CalicoException>(() => PutAsync(store, "/other", "1"));
        await using var wrong = new EtcdStore(options with { Password = new Secret("wrong") }, TimeProvider.System, NullLogger.Instance);
        var refused = await Assert.ThrowsAsync<CalicoException>(() => wrong.GetAsync("/calico/a", 0, _ct));
        await using var nobody = new EtcdStore(options with { Username = null }, TimeProvider.System, NullLogger.Instance);
        var anonymous = await Assert.ThrowsAsync<CalicoException>(() => nobody.GetAsync("/calico/a", 0, _ct));
        Assert.Multiple(() =>
        {
            // As a store that is away, so that a DEL succeeds; what is to be done about it is said.
            Assert.That(denied!.Problem, Is.EqualTo(Problem.Unavailable));
            Assert.That(denied.Message, Does.Contain("permission denied"));
            Assert.That(refused!.Message, Does.Contain("authentication failed"));
            Assert.That(anonymous!.Message, Does.Contain("user name is empty"));
            Assert.That($"{options} {denied} {refused}", Does.Not.Contain("canary-secret"));
        });
    }

    [TestCase("ftp://host:1")]
    [TestCase("http://user:pass@host:1")]
    [TestCase("http://host:1/path")]
    [TestCase("unix://")]
    [TestCase("")]
    public void A_bad_endpoint_is_named(string endpoint)
    {
        var error = Assert.Throws<CalicoException>(() => EmbeddedServer.Connect(endpoint));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Invalid));
        Assert.That(error.Message, Does.Contain($"\"{endpoint.Replace("user:pass", "****", StringComparison.Ordinal)}\""));
    }

    private async Task<long> PutAsync(EtcdStore store, string key, string value)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                var outcome = await store.CommitAsync(
                    new StoreTransaction(new StoreOperation.Put(key, Encoding.UTF8.GetBytes(value))), _ct);
                return outcome.Revision;
            }
            catch (CalicoException error)
                when (error.Problem == Problem.Unavailable && error.Message.Contains("leader", StringComparison.Ordinal) && tries < 100)
            {
                // A member that has just started has no leader for a moment.
                await Task.Delay(50, _ct);
            }
        }
    }

    private static async Task SignalAsync(string signal, int pid)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{pid}"]);
        await kill.WaitForExitAsync();
    }

    private static async Task EtcdctlAsync(EtcdProcess etcd, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("etcdctl", [$"--endpoints={etcd.Endpoint}", .. arguments])
        {
            Environment = { ["ETCDCTL_API"] = "3" },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero, error);
    }
}
