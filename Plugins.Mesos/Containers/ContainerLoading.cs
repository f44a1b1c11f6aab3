using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>What a former process knew is read once, before the first call is answered: for both servers.</summary>
internal sealed partial class ContainerLoading(ContainerBook book, ILogger<ContainerLoading> log) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private bool _isDone;

    public async Task WaitAsync(CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            if (_isDone)
            {
                return;
            }

            foreach (var key in await book.LoadAsync(ct))
            {
                Log.Damaged(log, key);
            }

            _isDone = true;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private static partial class Log
    {
        [LoggerMessage(7304,
            LogLevel.Error, "What the node's log has of a container cannot be read: {Key}; it is taken away when its interface goes")]
        public static partial void Damaged(ILogger log, string key);
    }
}
