using Calico.Host.Health;
using Calico.Host.Workloads;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Plugins;

/// <summary>Asks one adapter what its orchestrator runs, keeps the answer, and ends what a complete one does not name.</summary>
/// <remarks>Each adapter has one of its own: one that hangs, throws or answers nonsense costs nobody else anything, and is named.</remarks>
internal sealed partial class LiveInquiry(string adapter, ILiveWorkloads live, LiveReports reports, WorkloadConnector connector,
    HealthBoard health,
    TimeProvider time, ILogger logger)
{
    /// <summary>For one answer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly HealthCheck _check = health.Check(adapter, "live report");
    private Task<LiveReport> _asked = Task.FromResult<LiveReport>(null!);

    /// <summary>Now and every so often, until cancelled.</summary>
    public async Task RunAsync(TimeSpan interval, CancellationToken ct)
    {
        while (true)
        {
            await AskAsync(ct);
            await Task.Delay(interval, time, ct);
        }
    }

    /// <summary>One question.</summary>
    /// <returns>How many endpoints were ended.</returns>
    public async Task<int> AskAsync(CancellationToken ct)
    {
        if (!_asked.IsCompleted)
        {
            _check.Fail("has not said yet what runs, and is not asked again until it has; nothing of it is collected");
            return 0;
        }

        // Before the question: what comes after it may be in no answer.
        var before = connector.Book.All;
        var askedAt = time.GetTimestamp();
        LiveReport report;
        try
        {
            report = await AnswerAsync(ct);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            // Whatever an adapter throws is its own fault; the next question is asked all the same.
            _check.Fail((e is OperationCanceledException or TimeoutException
                ? $"did not say within {Patience.TotalSeconds:0} s what runs"
                : $"cannot say what runs: {e.Message}") + "; nothing of it is collected");
            return 0;
        }

        reports.Note(adapter, report, askedAt);
        if (!report.Complete)
        {
            _check.Fail("does not know now what runs; nothing of it is collected");
            return 0;
        }

        _check.Well();
        var ended = await connector.CollectAsync(adapter, before, report, ct);
        if (ended > 0)
        {
            Log.Ended(logger, adapter, ended);
        }

        return ended;
    }

    private async Task<LiveReport> AnswerAsync(CancellationToken ct)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        var token = either.Token;
        // On a thread of its own: it may hang before its first wait.
        _asked = Task.Run(() => live.ListLiveAsync(token), CancellationToken.None);
        var report = await _asked.WaitAsync(token);
        return report is { Endpoints.IsDefault: false, Addresses.IsDefault: false } ? report
            : throw new CalicoException(Problem.Invalid, "its report has no list of endpoints or addresses");
    }

    private static partial class Log
    {
        [LoggerMessage(1210, LogLevel.Information, "{Adapter} does not run {Count} of its endpoints any more: removed")]
        public static partial void Ended(ILogger logger, string adapter, int count);
    }
}
