using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Store;
using Calico.TestKit;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>What this node knows before the store does.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.All)]
public sealed class OutboxTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryNodeLog _log = new();
    private readonly FakeOwner _owner = new();
    private readonly InMemoryStore _store = new();
    private readonly Outbox _outbox;

    public OutboxTests() => _outbox = New();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Test]
    public async Task What_the_store_takes_is_one_commit_and_leaves_nothing_behind()
    {
        var result = await _outbox.WriteAsync(_owner, Put("/a", "1"), [new("record/a", "r"u8.ToArray())], default);

        Assert.That(result, Is.EqualTo(new OutboxResult(OutboxOutcome.Written, Revision: _store.Revision)));
        Assert.That((Stored("/a"), _log.Commits, _log.Get("record/a") is null, Waits(_outbox)), Is.EqualTo(("1", 1, false, "")));
    }

    [Test]
    public async Task What_it_does_not_answer_is_in_the_log_with_what_belongs_to_it_and_reaches_it_after_a_crash()
    {
        _store.Faults.Dead = true;
        var result = await _outbox.WriteAsync(_owner, Put("/a", "1") with { Remarks = ["why"] },
            [new("record/a", "r"u8.ToArray())], default);
        Assert.That(result.Outcome, Is.EqualTo(OutboxOutcome.Journalled));
        Assert.That(_outbox.Pending("/a")!.Value, Is.EqualTo("1"u8.ToArray()), "reads of this node see it");

        var reborn = New();
        Assert.That((Waits(reborn), _log.Get("record/a") is null), Is.EqualTo(("/a=1", false)));
        Assert.That(async () => await reborn.SendAsync(_owner, default), Throws.TypeOf<CalicoException>(),
            "the owner hears that the store is away");
        _store.Faults.Dead = false;
        Assert.That(await reborn.SendAsync(_owner, default), Is.EqualTo(1));
        Assert.That((Stored("/a"), Waits(reborn), _log.List(Outbox.Section).Length), Is.EqualTo(("1", "", 0)));
        Assert.That(_owner.Settled, Is.EqualTo(new[] { "/a Written why" }));
    }

    [Test]
    public async Task A_store_that_hangs_keeps_nobody_waiting_longer_than_the_patience()
    {
        _store.Faults.Hanging = true;
        var writing = _outbox.WriteAsync(_owner, Put("/a", "1"), [], default);
        _time.Advance(Outbox.StorePatience - TimeSpan.FromMilliseconds(1));
        Assert.That(writing.IsCompleted, Is.False);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That((await writing.WaitAsync(TimeSpan.FromSeconds(20))).Outcome, Is.EqualTo(OutboxOutcome.Journalled));
    }

    [Test]
    public async Task A_store_that_hangs_is_not_waited_for_under_an_owners_hold()
    {
        _owner.IsAlone = false;
        await _outbox.JournalAsync([Put("/a", "1")], [], default);
        _store.Faults.Hanging = true;
        var sending = _outbox.SendAsync(_owner, default);
        _time.Advance(Outbox.SendPatience);
        var problem = (await Assert.ThrowsAsync<CalicoException>(() => sending.WaitAsync(TimeSpan.FromSeconds(20))))!;
        Assert.That((problem.Problem, Waits(_outbox)), Is.EqualTo((Problem.Unavailable, "/a=1")));
    }

    [Test]
    public async Task A_caller_that_gives_up_leaves_nothing()
    {
        using var stop = new CancellationTokenSource();
        _store.Faults.Hanging = true;
        var writing = _outbox.WriteAsync(_owner, Put("/a", "1"), [], stop.Token);
        await stop.CancelAsync();
        Assert.That(async () => await writing, Throws.InstanceOf<OperationCanceledException>());
        Assert.That((Waits(New()), Waits(_outbox)), Is.EqualTo(("", "")));
    }

    [Test]
    public async Task A_later_decision_takes_the_place_of_what_waits_and_goes_to_the_end_of_the_order()
    {
        await _outbox.JournalAsync([Put("/a", "1"), Put("/b", "1")], [], default);
        await _outbox.JournalAsync([Delete("/a")], [], default);
        _owner.IsAlone = false;
        await New().SendAsync(_owner, default);
        Assert.That(_owner.Settled, Is.EqualTo(new[] { "/b Written ", "/a Written " }));
        Assert.That((Stored("/a"), Stored("/b")), Is.EqualTo(((string?)null, "1")));
    }

    [Test]
    public async Task Numbers_go_on_after_a_restart()
    {
        await _outbox.JournalAsync([Put("/b", "1")], [], default);
        var reborn = New();
        await reborn.JournalAsync([Put("/a", "1")], [], default);
        Assert.That(reborn.PendingOf(_owner).Select(e => e.Key), Is.EqualTo(new[] { "/b", "/a" }));
    }

    [Test]
    public async Task What_waited_does_not_go_over_what_was_written_since()
    {
        await _outbox.JournalAsync([Delete("/a")], [], default);
        Assert.That((await _outbox.WriteAsync(_owner, Put("/a", "2"), [], default)).Outcome, Is.EqualTo(OutboxOutcome.Written));
        Assert.That(await New().SendAsync(_owner, default), Is.Zero);
        Assert.That(Stored("/a"), Is.EqualTo("2"));
    }

    [Test]
    public async Task A_crash_between_store_and_log_brings_the_newer_again_and_not_the_older()
    {
        await _outbox.JournalAsync([Delete("/a")], [], default);
        // The process dies with its write: the log has the newer already.
        _store.Faults.OnCommit(1, StoreFault.AnswerLost);
        await _outbox.WriteAsync(_owner, Put("/a", "2"), [], default);
        await New().SendAsync(_owner, default);
        Assert.That(Stored("/a"), Is.EqualTo("2"));
    }

    [Test]
    public async Task Another_owners_entries_are_left_to_it()
    {
        await _outbox.JournalAsync([Put("/a", "1"), Put("/b", "1") with { Owner = "other" }], [], default);
        await _outbox.SendAsync(_owner, default);
        Assert.That(Waits(_outbox), Is.EqualTo("/b=1"));
    }

    [Test]
    public async Task An_entry_for_nothing_is_not_written_over_something([Values] bool later)
    {
        _store.Set("/a", "theirs");
        var entry = Put("/a", "1") with { Guard = OutboxGuard.Absent };
        if (later)
        {
            await _outbox.JournalAsync([entry], [], default);
            await _outbox.SendAsync(_owner, default);
            Assert.That(_owner.Settled, Is.EqualTo(new[] { "/a Left " }));
        }
        else
        {
            var result = await _outbox.WriteAsync(_owner, entry, [new("record/a", "r"u8.ToArray())], default);
            Assert.That((result.Outcome, Encoding.UTF8.GetString(result.Standing!.Value.Span)), Is.EqualTo((OutboxOutcome.Left, "theirs")));
            Assert.That(_log.Get("record/a"), Is.Null, "what belongs to it is not done without it");
        }

        Assert.That((Stored("/a"), Waits(_outbox)), Is.EqualTo(("theirs", "")));
    }

    [Test]
    public async Task The_owner_judges_what_stands_at_the_moment_of_the_write()
    {
        _owner.May = (_, standing) => standing is null or "mine";
        _store.Set("/a", "mine");
        // Looked at, allowed, and another's by the time it is written.
        _store.InterfereOnce("/a");
        await _outbox.WriteAsync(_owner, Put("/a", "1") with { Guard = OutboxGuard.Owner }, [], default);
        Assert.That(_owner.Judged, Has.Count.GreaterThanOrEqualTo(2));
        Assert.That(Stored("/a"), Is.EqualTo("1"), "still its own text, written again by somebody");

        _store.Set("/a", "theirs");
        var result = await _outbox.WriteAsync(_owner, Put("/a", "2") with { Guard = OutboxGuard.Owner }, [], default);
        Assert.That((result.Outcome, Stored("/a")), Is.EqualTo((OutboxOutcome.Left, "theirs")));
    }

    [Test]
    public async Task A_deletion_is_of_what_was_looked_at()
    {
        _store.Set("/a", "mine");
        _store.InterfereOnce("/a");
        var result = await _outbox.WriteAsync(_owner, Delete("/a") with { Guard = OutboxGuard.Owner }, [], default);
        Assert.That((result.Outcome, Stored("/a")), Is.EqualTo((OutboxOutcome.Left, "mine")));
        result = await _outbox.WriteAsync(_owner, Delete("/a") with { Guard = OutboxGuard.Owner }, [], default);
        Assert.That((result.Outcome, Stored("/a")), Is.EqualTo((OutboxOutcome.Written, (string?)null)));
    }

    [Test]
    public async Task One_that_the_store_refuses_stops_no_other([Values] bool together)
    {
        _owner.IsAlone = together;
        var outbox = New(new RefusingKey(_store, "/bad", Problem.Invalid));
        await outbox.JournalAsync([Put("/a", "1"), Put("/bad", "1"), Put("/c", "1")], [], default);
        await outbox.SendAsync(_owner, default);
        Assert.That(_owner.Settled, Is.EqualTo(new[] { "/a Written ", "/bad Refused ", "/c Written " }));
        Assert.That((Stored("/a"), Stored("/c"), Waits(outbox)), Is.EqualTo(("1", "1", "")));
    }

    [Test]
    public async Task One_that_a_rival_always_writes_first_waits_and_stops_no_other()
    {
        var outbox = New(new Rival(_store, "/a"));
        _owner.May = (_, _) => true;
        await outbox.JournalAsync([Put("/a", "1") with { Guard = OutboxGuard.Owner }, Put("/c", "1")], [], default);
        await outbox.SendAsync(_owner, default);
        Assert.That((Stored("/c"), Waits(outbox)), Is.EqualTo(("1", "/a=1")));
        Assert.That(outbox.Stuck.Single(),
            Is.EqualTo(KeyValuePair.Create("/a", "/a was changed by others 10 times while it was being written")));
        await outbox.ForgetAsync("/a", default);
        Assert.That((outbox.Stuck.Count, outbox.Count), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task What_is_decided_while_it_is_sent_is_not_taken_for_done()
    {
        await _outbox.JournalAsync([Put("/a", "1")], [], default);
        _store.Faults.Use((kind, _) =>
        {
            if (kind == StoreCallKind.Commit && _outbox.Pending("/a")?.Value is [(byte)'1'])
            {
                _outbox.JournalAsync([Put("/a", "2")], [], default).GetAwaiter().GetResult();
            }

            return StoreFault.None;
        });
        await _outbox.SendAsync(_owner, default);
        Assert.That((Waits(_outbox), Waits(New())), Is.EqualTo(("/a=2", "/a=2")));
        await _outbox.SendAsync(_owner, default);
        Assert.That((Stored("/a"), Waits(_outbox)), Is.EqualTo(("2", "")));
    }

    [Test]
    public async Task One_whose_owner_cannot_hold_it_stops_no_other()
    {
        _owner.IsAlone = false;
        _owner.OnHold = () =>
        {
            _owner.OnHold = () => Task.CompletedTask;
            throw new CalicoException(Problem.Damaged, "no (scripted)");
        };
        await _outbox.JournalAsync([Put("/a", "1"), Put("/b", "1")], [], default);
        await _outbox.SendAsync(_owner, default);
        Assert.That((Waits(_outbox), Stored("/b")), Is.EqualTo(("/a=1", "1")));
    }

    [Test]
    public async Task What_was_replaced_before_its_turn_is_not_sent()
    {
        _owner.IsAlone = false;
        await _outbox.JournalAsync([Put("/a", "1")], [], default);
        _owner.OnHold = () => _outbox.ForgetAsync("/a", default);
        await _outbox.SendAsync(_owner, default);
        Assert.That((Stored("/a"), _owner.Settled.Count), Is.EqualTo(((string?)null, 0)));
    }

    [Test]
    public async Task A_log_that_is_full_leaves_what_waited_before()
    {
        await _outbox.JournalAsync([Put("/a", "1")], [], default);
        _log.Full = true;
        Assert.That(async () => await _outbox.JournalAsync([Put("/a", "2"), Put("/b", "1")], [], default),
            Throws.TypeOf<CalicoException>());
        Assert.That(async () => await _outbox.ForgetAsync("/a", default), Throws.TypeOf<CalicoException>());
        Assert.That((Waits(_outbox), Waits(New())), Is.EqualTo(("/a=1", "/a=1")));
    }

    [Test]
    public async Task A_transaction_of_its_own_takes_the_place_of_what_waits_when_it_is_done([Values] bool succeeds)
    {
        await _outbox.JournalAsync([Put("/a", "old"), Put("/b", "1")], [], default);
        StoreTransaction transaction = new([StoreCompare.At("/a", succeeds ? 0 : 77)],
            [new StoreOperation.Put("/a", "new"u8.ToArray())], []);
        var writes = _outbox.Replacing(transaction.Success);
        if ((await _log.CommitAsync(_store, transaction, writes, default)).Succeeded)
        {
            _outbox.Replaced(writes);
        }

        var wanted = succeeds ? "/b=1" : "/a=old /b=1";
        Assert.That((Waits(_outbox), Waits(New())), Is.EqualTo((wanted, wanted)));
    }

    [Test]
    public async Task An_entry_that_cannot_be_read_is_left_alone_and_stops_no_other()
    {
        await _outbox.JournalAsync([Put("/a", "1"), Put("/b", "1")], [], default);
        await _log.CommitAsync([new(Outbox.Section + "/a", "{"u8.ToArray()), new(Outbox.Section + "/c", _log.Get(Outbox.Section + "/b"))],
            default);
        var reborn = New();
        Assert.That(Waits(reborn), Is.EqualTo("/b=1"));
        await reborn.SendAsync(_owner, default);
        Assert.That(_log.List(Outbox.Section).Select(e => e.Key), Is.EqualTo(new[] { "outbox/a", "outbox/c" }));
    }

    [Test]
    public async Task Many_go_in_few_transactions()
    {
        await _outbox.JournalAsync([.. Enumerable.Range(0, 200).Select(i => Put($"/k{i}", "1"))], [], default);
        var before = _store.Faults.Count(StoreCallKind.Commit);
        await _outbox.SendAsync(_owner, default);
        Assert.That((_store.Faults.Count(StoreCallKind.Commit) - before, _store.Snapshot("/k").Length), Is.EqualTo((5, 200)));
    }

    [Test]
    public async Task Whatever_happens_the_store_ends_as_was_decided_last()
    {
        var random = new Random(Seed.Next());
        for (var life = 0; life < 200; life++)
        {
            var (decided, outbox) = (new SortedDictionary<string, string?>(StringComparer.Ordinal), New());
            for (var step = random.Next(5, 30); step > 0; step--)
            {
                _store.Faults.Dead = random.Next(4) == 0;
                if (random.Next(3) == 0)
                {
                    _store.Faults.OnCommit(1, random.Next(2) == 0 ? StoreFault.Fail : StoreFault.AnswerLost);
                }

                var key = $"/life{life}/{random.Next(4)}";
                var entry = random.Next(3) == 0 ? Delete(key) : Put(key, $"{step}");
                switch (random.Next(4))
                {
                    case 0:
                        outbox = New();
                        break;
                    case 1:
                        await SendAsync(outbox);
                        break;
                    case 2:
                        await outbox.JournalAsync([entry], [], default);
                        decided[key] = entry.Value is null ? null : $"{step}";
                        break;
                    default:
                        await outbox.WriteAsync(_owner, entry, [], default);
                        decided[key] = entry.Value is null ? null : $"{step}";
                        break;
                }
            }

            _store.Faults.Dead = false;
            await SendAsync(outbox);
            await outbox.SendAsync(_owner, default);
            Assert.That(decided.Select(d => (d.Key, Stored(d.Key))), Is.EqualTo(decided.Select(d => (d.Key, d.Value))), $"life {life}");
        }
    }

    private async Task SendAsync(Outbox outbox)
    {
        try
        {
            await outbox.SendAsync(_owner, default);
        }
        catch (CalicoException e) when (e.Problem == Problem.Unavailable)
        {
            // Away: the next round.
        }
    }

    private static OutboxEntry Put(string key, string value) => new() { Owner = "fake", Key = key, Value = Encoding.UTF8.GetBytes(value) };

    private static OutboxEntry Delete(string key) => new() { Owner = "fake", Key = key };

    private Outbox New(IKeyValueStore? store = null) => new(_log, store ?? _store, _time, NullLogger<Outbox>.Instance);

    private string? Stored(string key) => _store.Snapshot(key) is [var found] ? Encoding.UTF8.GetString(found.Value.Span) : null;

    private static string Waits(Outbox outbox) => string.Join(' ',
        ((string[])["fake", "other"]).SelectMany(o => outbox.PendingOf(new FakeOwner { Name = o }))
        .OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => $"{e.Key}={(e.Value is null ? "-" : Encoding.UTF8.GetString(e.Value))}"));

    private sealed class FakeOwner : IOutboxOwner
    {
        public string Name { get; init; } = "fake";

        public bool IsAlone { get; set; } = true;

        public Func<OutboxEntry, string?, bool> May { get; set; } = (_, standing) => standing is not null;

        public Func<Task> OnHold { get; set; } = () => Task.CompletedTask;

        public List<string?> Judged { get; } = [];

        public List<string> Settled { get; } = [];

        public async Task<IDisposable> HoldAsync(OutboxEntry entry, CancellationToken ct)
        {
            await OnHold();
            return new CancellationTokenSource();
        }

        public ValueTask<bool> MayWriteAsync(OutboxEntry entry, KeyValue? standing, CancellationToken ct)
        {
            var text = standing is null ? null : Encoding.UTF8.GetString(standing.Value.Span);
            Judged.Add(text);
            return ValueTask.FromResult(May(entry, text));
        }

        public void Settle(OutboxEntry entry, OutboxResult result) =>
            Settled.Add($"{entry.Key} {result.Outcome} {string.Join(' ', entry.Remarks)}");
    }

    private sealed class RefusingKey(IKeyValueStore inner, string key, Problem problem) : ForwardingStore(inner)
    {
        public override Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct) =>
            transaction.Success.OfType<StoreOperation.Put>().Any(p => p.Key == key)
                ? throw new CalicoException(problem, $"{key} is refused (scripted)")
                : base.CommitAsync(transaction, ct);
    }

    private sealed class Rival(InMemoryStore inner, string key) : ForwardingStore(inner)
    {
        public override Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
        {
            if (transaction.Compares.Any(c => c.Key == key))
            {
                inner.Set(key, "rival");
            }

            return base.CommitAsync(transaction, ct);
        }
    }
}
