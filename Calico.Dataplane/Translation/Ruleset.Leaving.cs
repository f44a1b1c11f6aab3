using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <content>What nothing leads to any more, and when it may be deleted.</content>
internal sealed partial class Ruleset
{
    /// <summary>How many commits stand.</summary>
    public long Commits => _clock.Commits;

    /// <summary>The last commit that every packet under way began after.</summary>
    public long GraceOver => _clock.Over;

    /// <summary>Whether members of sets wait: policy is not wholly in force yet.</summary>
    public bool HoldsBack => _touchedSets.Any(s => _sets[s].HoldsBack);

    /// <summary>The same of one address: its former owner's membership has not ended, or its own has not begun.</summary>
    public bool HoldsBackOf(NftValue address) => _touchedSets.Any(s => _sets[s].HoldsBackOf(address));

    /// <summary>Every packet that began before that commit, or with it, has ended: what it led nobody to may be deleted.</summary>
    public void EndGrace(long through) => _clock.End(through);

    /// <summary>Nothing waits: the next transaction makes the whole difference, as after a refusal it has to.</summary>
    public void Hurry() => _clock.End(_clock.Next);

    /// <summary>Whether a chain is only there for packets that are under way.</summary>
    public bool IsLeaving(string chain) => _doomedChains.ContainsKey(chain);

    private List<string> Deletable<T>(Dictionary<string, Doomed<T>> doomed) where T : class =>
        [.. doomed.Where(d => _clock.IsOver(d.Value.Since)).Select(d => d.Key)];

    private void ForgetDeleted<T>(Dictionary<string, Doomed<T>> doomed) where T : class
    {
        foreach (var name in Deletable(doomed))
        {
            doomed.Remove(name);
        }
    }

    /// <summary>What the kernel has and nobody wants.</summary>
    /// <param name="Content">Its last one, should it be wanted again before it is deleted; null: only the kernel knows it.</param>
    /// <param name="Since">The commit that leads nobody there any more; 0: a stranger's or a former process's, which goes at once.</param>
    private readonly record struct Doomed<T>(T? Content, long Since) where T : class;
}
