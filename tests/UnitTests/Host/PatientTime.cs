namespace Calico.UnitTests.Host;

/// <summary>The system's time, in which short waits are long: a store in memory that answers at once may, on a busy machine, take as long
/// as the product waits for one on the network, and a test that is not of that would go the other way by chance.</summary>
internal sealed class PatientTime : TimeProvider
{
    private const int Times = 40;
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(500);

    /// <summary>From now on; false: as the system's.</summary>
    public bool IsPatient { get; set; } = true;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, IsPatient && dueTime > TimeSpan.Zero && dueTime <= Short ? dueTime * Times : dueTime, period);
}
