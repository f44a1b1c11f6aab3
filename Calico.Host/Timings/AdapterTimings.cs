namespace Calico.Host.Timings;

/// <summary>One adapter's calls.</summary>
internal sealed class AdapterTimings(CallTimings timings, string adapter, TimeProvider time) : ICallTimings
{
    public ITimedCall Begin(string verb, string subject, string stage) =>
        new TimedCall(timings, adapter, verb, subject, stage, time).Begin();
}
