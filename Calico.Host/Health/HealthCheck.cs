namespace Calico.Host.Health;

/// <summary>One part's own line on the <see cref="HealthBoard"/>. Shown from the first word on.</summary>
internal sealed class HealthCheck(HealthBoard board, string part, string name)
{
    public void Well() => board.Report(part, name, true, "");

    /// <param name="reason">What is wrong, with which object, and what helps.</param>
    /// <param name="neededForReady">Whether the node cannot connect workloads while it is so.</param>
    public void Fail(string reason, bool neededForReady = false) => board.Report(part, name, false, reason, neededForReady);

    /// <summary>Well, unless there are reasons.</summary>
    public void Say(IEnumerable<string> reasons)
    {
        var text = string.Join("; ", reasons);
        board.Report(part, name, text.Length == 0, text);
    }
}
