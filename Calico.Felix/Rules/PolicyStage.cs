namespace Calico.Felix.Rules;

/// <summary>Which traffic rules judge, and when. On a workload only <see cref="Normal"/>.</summary>
public enum PolicyStage
{
    /// <summary>A workload's traffic; of a host endpoint what the host itself sends and gets.</summary>
    Normal,

    /// <summary>What the host forwards through a host endpoint (<c>applyOnForward</c>).</summary>
    Forward,

    /// <summary>Before connections are tracked (<c>doNotTrack</c>): each packet for itself, in both directions.</summary>
    Untracked,

    /// <summary>Before destination NAT (<c>preDNAT</c>).</summary>
    PreDnat,
}
