namespace Calico.TestKit.Workloads;

/// <summary>What goes wrong, and when. Every fake passes a named point before each step it takes.</summary>
public sealed class FaultPlan
{
    private readonly Lock _lock = new();
    private readonly List<string> _passed = [];
    private readonly Dictionary<string, Queue<Exception?>> _planned = [];

    /// <summary>Points passed so far, in order.</summary>
    public IReadOnlyList<string> Passed
    {
        get
        {
            lock (_lock)
            {
                return [.. _passed];
            }
        }
    }

    /// <summary>The <paramref name="nth"/> passing of a point from now (1: the next) throws.</summary>
    public void FailAt(string point, Exception error, int nth = 1)
    {
        lock (_lock)
        {
            if (!_planned.TryGetValue(point, out var queue))
            {
                _planned[point] = queue = new();
            }

            for (var i = 1; i < nth; i++)
            {
                queue.Enqueue(null);
            }

            queue.Enqueue(error);
        }
    }

    /// <summary>Is told of each point that is passed, and may hold it up.</summary>
    public Action<string>? Passing { get; set; }

    /// <summary>What a connect waits for before it does anything, as long as its caller lets it.</summary>
    public Func<CancellationToken, Task>? Waiting { get; set; }

    public void Pass(string point)
    {
        Exception? error = null;
        Passing?.Invoke(point);
        lock (_lock)
        {
            _passed.Add(point);
            if (_planned.TryGetValue(point, out var queue) && queue.Count > 0)
            {
                error = queue.Dequeue();
            }
        }

        if (error is not null)
        {
            throw error;
        }
    }
}
