using System.Collections.Concurrent;
using Calico.Host.Stages;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Row B15 of issue 13: the order in which the host starts and stops, and what a start that fails leaves: nothing.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StageTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("calico-stages-");
    private readonly ConcurrentQueue<string> _asked = new();
    private readonly FakeTimeProvider _time = new();
    private readonly LogLines _log = new();
    private readonly FakeStage[] _stages;
    private readonly List<string> _doing = [];

    public StageTests() =>
        _stages = [.. ((string[])["log", "adapters", "store", "kernel"]).Select(name => new FakeStage(name, _folder.FullName, _asked))];

    private FakeStage Adapters => _stages[1];

    private IEnumerable<string> Left => _stages.SelectMany(stage => stage.Left());

    public void Dispose() => _folder.Delete(recursive: true);

    [Test]
    public async Task B15_all_are_drained_before_the_first_is_stopped_and_the_stop_goes_backwards()
    {
        var sequence = Sequence();
        await sequence.StartAsync(_stages, CancellationToken.None);
        Assert.That(_doing, Is.EqualTo(new[] { "log is being started", "adapters is being started", "store is being started",
            "kernel is being started" }));
        var callEnds = new TaskCompletionSource();
        var isDraining = new TaskCompletionSource();
        Adapters.OnDrain = _ =>
        {
            isDraining.SetResult();
            return callEnds.Task;
        };
        var stopping = sequence.StopAsync();
        await isDraining.Task;
        // A call is under way: what it stands on works.
        Assert.That(_stages.Select(s => s.Running), Is.All.EqualTo(1));
        callEnds.SetResult();
        Assert.That(await stopping, Is.Empty);
        Assert.That(_asked.Where(a => a.StartsWith("start", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "start log", "start adapters", "start store", "start kernel" }));
        Assert.That(_asked.Skip(4).TakeLast(4), Is.EqualTo(new[] { "stop kernel", "stop store", "stop adapters", "stop log" }));
        Assert.That(_asked.Skip(4).SkipLast(4),
            Is.EquivalentTo(_stages.SelectMany(s => (string[])[$"drain {s.Name}", $"drained {s.Name}"])));
        Assert.That(Left, Is.Empty);
    }

    [Test]
    public async Task B15_a_start_that_fails_leaves_no_socket_loop_or_lock([Range(0, 3)] int failing, [Values("begin", "end")] string step,
        [Values] bool isCancelled)
    {
        using var cancel = new CancellationTokenSource();
        _stages[failing].At = s => s != step ? Task.CompletedTask
            : isCancelled ? Cancel()
            : throw new CalicoException(Problem.Refused, "the kernel said no");
        // Whatever else fails on the way out is not what the caller has to mend.
        _stages[0].OnStop = _ => throw new InvalidOperationException("a second fault");
        var sequence = Sequence();
        Assert.That(async () => await sequence.StartAsync(_stages, cancel.Token), isCancelled
            ? Throws.InstanceOf<OperationCanceledException>()
            : Throws.TypeOf<CalicoException>().With.Message.EqualTo("the kernel said no"));
        Assert.That(Left, Is.Empty);
        Assert.That(_asked.Where(a => a.StartsWith("start ", StringComparison.Ordinal)).Count(), Is.EqualTo(failing + 1));
        // Those that were not come to may hold something from when they were made.
        Assert.That(_asked.Where(a => a.StartsWith("stop ", StringComparison.Ordinal)),
            Is.EqualTo(_stages.Reverse().Select(s => $"stop {s.Name}")));
        Assert.That(_log.Lines, Has.Exactly(1).EqualTo("Warning: log: stop did not end well: a second fault"));
        Assert.That(await sequence.StopAsync(), Is.Empty, "nothing is left to stop");

        async Task Cancel()
        {
            await cancel.CancelAsync();
            cancel.Token.ThrowIfCancellationRequested();
        }
    }

    [Test]
    public async Task B15_a_stop_goes_on_over_errors_and_says_each()
    {
        _stages[3].OnDrain = _ => throw new InvalidOperationException("no drain");
        _stages[2].OnStop = _ => Task.FromException(new IOException("no stop"));
        _stages[1].OnStop = _ => throw new OperationCanceledException("somebody else's");
        var sequence = Sequence();
        await sequence.StartAsync(_stages, CancellationToken.None);
        Assert.That(await sequence.StopAsync(), Is.EqualTo(new StageFault[]
        {
            new("kernel", "drain", "no drain"), new("store", "stop", "no stop"), new("adapters", "stop", "somebody else's"),
        }));
        Assert.That(Left, Is.Empty);
    }

    [Test]
    public async Task B15_a_stage_that_hangs_is_left_after_its_time([Values("drain", "stop")] string step, [Values] bool blocks)
    {
        using var reached = new SemaphoreSlim(0);
        using var end = new ManualResetEventSlim();
        Task Hang(CancellationToken ct)
        {
            reached.Release();
            if (blocks)
            {
                end.Wait(CancellationToken.None);
            }

            return Task.Delay(Timeout.Infinite, CancellationToken.None);
        }

        _ = step == "drain" ? Adapters.OnDrain = Hang : Adapters.OnStop = Hang;
        var sequence = Sequence();
        await sequence.StartAsync(_stages, CancellationToken.None);
        var stopping = sequence.StopAsync();
        await reached.WaitAsync();
        // The others have drained: on a busy machine their time would be over too.
        for (var left = 2000; step == "drain"
            && _asked.Count(a => a.StartsWith("drained", StringComparison.Ordinal)) < _stages.Length - 1; left--)
        {
            Assert.That(left, Is.Positive, "the others do not drain");
            await Task.Delay(10);
        }

        var limit = step == "drain" ? StageSequence.DrainTime : StageSequence.StopTime;
        _time.Advance(limit - TimeSpan.FromMilliseconds(1));
        Assert.That(stopping.IsCompleted, Is.False);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(await stopping, Is.EqualTo(new[] { new StageFault("adapters", step, $"not done within {limit.TotalSeconds:0} s") }));
        end.Set();
        Assert.That(_asked, Has.Member("stop log"), "those below are stopped all the same");
        Assert.That(Left, Is.Empty);
    }

    [Test]
    public async Task B15_the_gate_lets_end_what_is_under_way_and_then_refuses_what_is_new()
    {
        var gate = new StartGate();
        gate.Open();
        await gate.PassNewAsync(CancellationToken.None);
        gate.Drain();
        Assert.That(gate.IsOpen, Is.False, "as others are told");
        // A call that was under way when the drain began may come to the gate late.
        await gate.PassNewAsync(CancellationToken.None);
        gate.Close();
        var refused = await Assert.ThrowsAsync<CalicoException>(async () => await gate.PassNewAsync(CancellationToken.None));
        Assert.That((refused!.Problem, refused.Message), Is.EqualTo((Problem.Unavailable, "calico-host is stopping; try again later")));
        // An undo, a removal.
        await gate.PassAsync(CancellationToken.None);
    }

    [Test]
    public async Task B15_who_waits_at_the_gate_when_the_host_stops_is_answered_at_once([Values] bool isNew)
    {
        var gate = new StartGate();
        var waiting = isNew ? gate.PassNewAsync(CancellationToken.None).AsTask() : gate.PassAsync(CancellationToken.None).AsTask();
        Assert.That(waiting.IsCompleted, Is.False);
        gate.Drain();
        var refused = await Assert.ThrowsAsync<CalicoException>(() => waiting.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.That(refused!.Message, Is.EqualTo("calico-host is stopping; try again later"));
    }

    [Test]
    public async Task What_may_come_later_waits_for_the_opening_or_its_time_and_goes_with_the_stop()
    {
        var (time, ended) = (new FakeTimeProvider(), new CancellationToken(canceled: true));
        var gate = new StartGate();
        var waiting = gate.OpensWithinAsync(TimeSpan.FromSeconds(1), time, CancellationToken.None);
        time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.That(waiting.IsCompleted, Is.False);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await waiting.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.That(gate.IsOpen, Is.False, "it is still starting");
        await Assert.ThatAsync(() => gate.OpensWithinAsync(TimeSpan.FromSeconds(1), time, ended),
            Throws.InstanceOf<OperationCanceledException>());
        waiting = gate.OpensWithinAsync(TimeSpan.FromSeconds(1), time, CancellationToken.None);
        gate.Open();
        await waiting.WaitAsync(TimeSpan.FromSeconds(20));
    }

    private StageSequence Sequence() => new(stage => _doing.Add(stage.Doing), _time, _log);
}
