using System.Collections.Immutable;
using Calico.Host.Health;
using Calico.Host.Timings;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Where the time of calls goes, as it is counted and shown.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CallTimingsTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly HostMeters _meters = new(NullLogger<HostMeters>.Instance);
    private readonly LogLines _log = new();
    private readonly CallTimings _timings;

    public CallTimingsTests() => _timings = new(_meters, _time, _log.CreateLogger<CallTimings>());

    public void Dispose()
    {
        _meters.Dispose();
        _log.Dispose();
    }

    [Test]
    public async Task S12_every_moment_is_in_one_stage_and_the_total_is_what_the_caller_waited()
    {
        var call = _timings.Of("cni").Begin("ADD", "c1", "wait");
        call.AddBefore("shim", Milliseconds(3));
        After(1, () => call.Enter("plan"));
        After(2, () => call.Enter("commit"));
        After(4, () => call.Enter("plan"));
        After(8, () => call.Enter("plan"));
        After(16, call.Complete);
        call.Dispose();
        After(1000, call.Dispose);
        call.Enter("late");
        call.AddBefore("late", Milliseconds(1));

        Assert.That(await RowsAsync(r => $"{r.Call} {r.Stage} {r.Count} {r.P50Ms}"),
            Is.EqualTo(new[] { "ADD shim 1 3", "ADD wait 1 1", "ADD plan 1 26", "ADD commit 1 4", "ADD total 1 34" }));
    }

    [Test]
    public async Task S12_what_runs_beside_within_a_stage_is_shown_and_counts_once()
    {
        var call = _timings.Of("cni").Begin("ADD", "c1", "kernel");
        var (rules, wiring) = (new TaskCompletionSource<int>(), new TaskCompletionSource());
        var both = (TimedCall.BesideAsync("rules", () => rules.Task), TimedCall.BesideAsync("wiring", () => wiring.Task));
        After(5, rules.SetResult, 7);
        Assert.That(await both.Item1, Is.EqualTo(7));
        After(2, wiring.SetResult);
        await both.Item2;
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            TimedCall.BesideAsync("rules", () => Task.FromException(new InvalidOperationException())));
        call.Complete();
        call.Dispose();

        Assert.That(await RowsAsync(r => $"{r.Stage} {r.P50Ms}"), Is.EqualTo(new[] { "rules 5", "wiring 7", "kernel 7", "total 7" }));
    }

    [Test]
    public async Task S12_a_call_that_failed_is_counted_apart()
    {
        _timings.Of("cni").Begin("ADD", "c1", "parse").Dispose();
        One("ADD", 2);

        Assert.That(await RowsAsync(r => $"{r.Call} {r.Stage} {r.Count}"),
            Is.EqualTo(new[] { "ADD work 1", "ADD total 1", "ADD failed parse 1", "ADD failed total 1" }));
        Assert.That(await _meters.WriteAsync(CancellationToken.None),
            Does.Contain("calico_call_stage_seconds_count{adapter=\"cni\",verb=\"ADD\",outcome=\"failed\",stage=\"parse\"} 1"));
    }

    [Test]
    public async Task S12_the_first_and_the_longest_stay_and_the_middle_is_of_the_last()
    {
        One("ADD", 400);
        One("ADD", 900);
        for (var i = 0; i < 256; i++)
        {
            One("ADD", i < 128 ? 2 : 3);
        }

        var total = (await ReadAsync()).Single(r => r.Stage == "total");
        Assert.That(total, Is.EqualTo(new TimingReport("cni", "ADD", "total", 258, 400, 2, 3, 900)));
    }

    [Test]
    public async Task S12_the_histogram_tells_a_tenth_of_a_millisecond_from_ten_seconds()
    {
        One("DEL", 0.1);
        One("DEL", 10_000);
        _timings.CountWrite(Milliseconds(0.2));
        var text = await _meters.WriteAsync(CancellationToken.None);
        string Bucket(string le) =>
            $"calico_call_stage_seconds_bucket{{adapter=\"cni\",verb=\"DEL\",outcome=\"done\",stage=\"total\",le=\"{le}\"}}";
        Assert.That(text, Does.Contain($"{Bucket("0.0001")} 1\n").And.Contain($"{Bucket("5")} 1\n").And.Contain($"{Bucket("10")} 2\n")
            .And.Contain("calico_store_write_seconds_bucket{le=\"0.00025\"} 1\n"));
    }

    [Test]
    public async Task S12_a_call_is_a_line_at_debug()
    {
        var call = _timings.Of("cni").Begin("ADD", "c1", "plan");
        After(2, () => call.Enter("kernel"));
        await TimedCall.BesideAsync("rules", () =>
        {
            _time.Advance(Milliseconds(1));
            return Task.CompletedTask;
        });
        call.Complete();
        call.Dispose();

        Assert.That(_log.Lines, Is.EqualTo(new[] { "Debug: cni ADD of c1 took 3.000 ms: plan 2.000, rules 1.000 (within), kernel 1.000" }));
    }

    [Test]
    public async Task S12_names_that_an_adapter_makes_up_do_not_fill_the_memory()
    {
        for (var i = 0; i < 500; i++)
        {
            One($"verb{i}", 1);
        }

        Assert.That(await ReadAsync(), Has.Length.EqualTo(256));
        Assert.That(await _meters.WriteAsync(CancellationToken.None), Does.Contain("verb=\"verb127\"").And.Not.Contain("verb=\"verb128\""));
    }

    [Test]
    public async Task S12_the_connect_transaction_tells_its_parts_to_the_call_that_asked_for_it_and_to_no_other()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        host.Kernel.At = step =>
        {
            _time.Advance(Milliseconds(step is "wire" or "unwire" ? 5 : 0));
            return Task.CompletedTask;
        };
        using var other = _timings.Of("cni").Begin("ADD", "other", "parse");
        await TimedAsync("ADD", async () =>
        {
            using var place = host.CreateNamespace();
            await host.Network.ConnectAsync(new()
            {
                Id = new("cni", "a", "eth0"),
                Instance = "a",
                Profiles = ["net"],
                Claim = new() { Handle = "net.a", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
            }, Placement.In(place, "eth0"), CancellationToken.None);
        });
        await TimedAsync("DEL", () => host.Network.DisconnectAsync(new("cni", "a", "eth0"), "a", CancellationToken.None));

        var rows = await ReadAsync();
        Assert.That(rows.Where(r => r.Call == "ADD").Select(r => r.Stage),
            Is.EquivalentTo(new[] { "parse", "wait", "plan", "commit", "rules", "wiring", "kernel", "total" }));
        Assert.That(rows.Where(r => r.Call == "DEL").Select(r => r.Stage),
            Is.EqualTo(new[] { "parse", "wait", "plan", "rules", "wiring", "kernel", "commit", "total" }));
        Assert.That(rows.Where(r => r.Stage is "wiring" or "kernel").Select(r => r.P50Ms), Is.All.EqualTo(5));
        Assert.That(rows.Where(r => r.Stage is "commit" or "plan").Select(r => r.P50Ms), Is.All.Zero);
    }

    [Test]
    public async Task S12_the_status_has_them()
    {
        One("ADD", 1.5);
        var report = (await _timings.ReadAsync(CancellationToken.None))(new());
        Assert.That(System.Text.Json.JsonSerializer.Serialize(report, StatusJson.Default.StatusReport),
            Does.Contain("\"timings\"").And.Contain("\"p50Ms\": 1.5").And.Contain("\"stage\": \"total\""));
    }

    private static TimeSpan Milliseconds(double value) => TimeSpan.FromMilliseconds(value);

    private async Task TimedAsync(string verb, Func<Task> work)
    {
        using var call = _timings.Of("cni").Begin(verb, "a", "parse");
        await work();
        call.Complete();
    }

    private void One(string verb, double milliseconds)
    {
        using var call = _timings.Of("cni").Begin(verb, "c", "work");
        After(milliseconds, call.Complete);
    }

    private void After(double milliseconds, Action action)
    {
        _time.Advance(Milliseconds(milliseconds));
        action();
    }

    private void After<T>(double milliseconds, Action<T> action, T value) => After(milliseconds, () => action(value));

    private async Task<ImmutableArray<TimingReport>> ReadAsync() => (await _timings.ReadAsync(CancellationToken.None))(new()).Timings;

    private async Task<IEnumerable<string>> RowsAsync(Func<TimingReport, string> text) => (await ReadAsync()).Select(text);
}
