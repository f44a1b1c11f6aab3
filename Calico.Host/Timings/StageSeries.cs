namespace Calico.Host.Timings;

/// <summary>What a stage took in the last calls. Used under its owner's lock.</summary>
internal sealed class StageSeries
{
    /// <summary>Enough for a p99 that means something; 2 KiB a stage.</summary>
    private const int Kept = 256;

    private readonly List<double> _last = [];
    private long _count;
    private double _first;
    private double _most;

    public void Add(TimeSpan took)
    {
        var milliseconds = took.TotalMilliseconds;
        if (_count == 0)
        {
            _first = milliseconds;
        }

        if (_last.Count < Kept)
        {
            _last.Add(milliseconds);
        }
        else
        {
            _last[(int)(_count % Kept)] = milliseconds;
        }

        _count++;
        _most = Math.Max(_most, milliseconds);
    }

    public TimingReport Report(string adapter, string call, string stage)
    {
        var sorted = _last.Order().ToArray();
        return new(adapter, call, stage, _count, Round(_first), Round(At(sorted, 0.5)), Round(At(sorted, 0.99)), Round(_most));
    }

    // Nearest rank: a figure that was measured, not one between two.
    private static double At(double[] sorted, double share) => sorted[(int)Math.Ceiling(share * sorted.Length) - 1];

    private static double Round(double milliseconds) => Math.Round(milliseconds, 3);
}
