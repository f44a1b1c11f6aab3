namespace Calico.Dataplane;

/// <summary>Times in which the kernel did not enforce what is desired: what began in one is to be judged.</summary>
internal sealed class GapWatch(TimeProvider time)
{
    /// <summary>So long after a gap an endpoint that comes may have been wired within it.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(5);

    private long? _endedAt;
    private long? _foreignSince;
    private bool _was;

    /// <summary>A stranger's commit was told, and is not undone yet.</summary>
    public bool IsForeign => _foreignSince is not null;

    /// <summary>How long it stands; 0 when nothing told of one.</summary>
    public TimeSpan ForeignFor => _foreignSince is { } since ? time.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>Whether one ended a moment ago.</summary>
    public bool EndedJustNow => _endedAt is { } at && time.GetElapsedTime(at) < Memory;

    public void NoteForeign() => _foreignSince ??= time.GetTimestamp();

    public void ForgetForeign() => _foreignSince = null;

    public void Note(bool was = true) => _was |= was;

    /// <summary>One has ended with a commit. Not the start's: that has a walk of its own for addresses that get an owner.</summary>
    public void NoteEnd(bool isStart) => (_was, _endedAt) = (true, isStart ? null : time.GetTimestamp());

    /// <summary>Whether there was one since it was asked last.</summary>
    public bool Take() => (_was, _was = false).Item1;
}
