
namespace Calico.Host.Health;

/// <summary><c>GET /status</c>, put together from what the parts say; one that cannot say anything, or not in time, is named and hides no
/// other.</summary>
internal sealed class StatusRoutes(IReadOnlyList<IStatusPart> parts, TimeProvider time) : IControlRoutes
{
    /// <summary>For a part; whoever asked waits five seconds.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public void Map(ControlRoutes routes) => routes.MapGet("/status", async context =>
        await ControlApi.WriteAsync(context, await ReadAsync(context.RequestAborted), StatusJson.Default.StatusReport));

    /// <summary>Everything now.</summary>
    public async Task<StatusReport> ReadAsync(CancellationToken ct)
    {
        var report = new StatusReport();
        // Asked side by side: the one that takes its time takes it once.
        foreach (var add in await Task.WhenAll(parts.Select(part => AskAsync(part, ct))))
        {
            report = add(report);
        }

        return report;
    }

    private async Task<Func<StatusReport, StatusReport>> AskAsync(IStatusPart part, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            return await part.ReadAsync(either.Token).WaitAsync(either.Token);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            var reason = e is OperationCanceledException ? $"no answer within {Patience.TotalSeconds:0} s" : e.Message;
            return report => report with { Warnings = report.Warnings.Add(new(part.Part, $"cannot be shown: {reason}", "")) };
        }
    }
}
