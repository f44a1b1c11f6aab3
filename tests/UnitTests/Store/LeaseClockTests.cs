using Calico.EmbeddedStore.Engine;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>When leases end.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LeaseClockTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly LeaseClock _clock;
    private int _calls;

    public LeaseClockTests() => _clock = new(_time, () => _calls++);

    public void Dispose() => _clock.Dispose();

    [Test]
    public void A_lease_has_its_whole_time_again_when_it_is_kept_alive()
    {
        _clock.Start(7, 10);
        Assert.That((_clock.Remaining(7), _clock.Remaining(8), _clock.KeepAlive(8)),
            Is.EqualTo((TimeSpan.FromSeconds(10), (TimeSpan?)null, 0L)));
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.That(_clock.Remaining(7), Is.EqualTo(TimeSpan.FromSeconds(4)));
        Assert.That(_clock.KeepAlive(7), Is.EqualTo(10));
        Assert.That(_clock.Remaining(7), Is.EqualTo(TimeSpan.FromSeconds(10)));
        _time.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromTicks(1));
        Assert.That((_clock.Expired(), _clock.Remaining(7)), Is.EqualTo((new List<long>(), (TimeSpan?)TimeSpan.FromTicks(1))));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.That(_clock.Expired(), Is.EqualTo(new[] { 7L }));
        Assert.That((_clock.Remaining(7), _clock.KeepAlive(7)), Is.EqualTo(((TimeSpan?)null, 0L)), "what has ended is not revived");
    }

    [Test]
    public void What_is_ended_or_forgotten_neither_expires_nor_lives()
    {
        foreach (var id in new[] { 1L, 2, 3, 4 })
        {
            _clock.Start(id, id);
        }

        _clock.End(1);
        _clock.Forget(id => id > 2);
        Assert.That(new[] { 1L, 2, 3, 4 }.Select(id => _clock.KeepAlive(id)), Is.EqualTo(new[] { 0L, 2, 0, 0 }));
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.That(_clock.Expired(), Is.EqualTo(new[] { 2L }));
    }

    [Test]
    public void It_calls_when_the_first_is_due_and_again_while_one_is()
    {
        _time.Advance(TimeSpan.FromSeconds(100));
        Assert.That(_calls, Is.Zero, "no lease, no call");
        _clock.Start(1, 10);
        _clock.Start(2, 5);
        _time.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromTicks(1));
        Assert.That(_calls, Is.Zero);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.That(_calls, Is.EqualTo(1));
        // The writer's queue was full: the lease is still there.
        _time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.That(_calls, Is.EqualTo(1));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(_calls, Is.EqualTo(2));
        _clock.End(2);
        _time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.That(_calls, Is.EqualTo(3), "the last that was armed for it");
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.That(_calls, Is.EqualTo(3));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(_calls, Is.EqualTo(4), "the other one's time");
        _clock.End(1);
        _time.Advance(TimeSpan.FromSeconds(100));
        var before = _calls;
        _time.Advance(TimeSpan.FromSeconds(100));
        Assert.That(_calls, Is.EqualTo(before));
    }

    [Test]
    public void After_its_end_it_calls_nobody()
    {
        _clock.Start(1, 1);
        _clock.Dispose();
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.That(_calls, Is.Zero);
    }
}
