namespace Calico.Dataplane.Translation;

/// <summary>Which changes of ours no packet under way can have missed. Counts commits: what a commit leads nobody to any more may be
/// deleted when a grace period that began after it is over.</summary>
internal sealed class GraceClock
{
    /// <summary>How many commits stand.</summary>
    public long Commits { get; private set; }

    /// <summary>The last commit that every packet under way began after.</summary>
    public long Over { get; private set; }

    /// <summary>The number of the commit that writes what changes now.</summary>
    public long Next => Commits + 1;

    public bool IsOver(long commit) => commit <= Over;

    public void Commit() => Commits++;

    /// <summary>Every packet that began before or with that commit has ended.</summary>
    public void End(long through) => Over = Math.Max(Over, through);
}
