namespace Calico.Felix.Rules;

/// <summary>What becomes of a packet that no policy of a tier decided, although at least one applies.</summary>
public enum TierDefault
{
    Deny,

    /// <summary>The next tier is asked.</summary>
    Pass,

    /// <summary>The next tier is asked, since all that applies is staged; were one of those policies enforced, the tier would
    /// deny.</summary>
    WouldDeny,
}
