using System.Runtime.ExceptionServices;

namespace Calico.Linux.Namespaces;

/// <summary>Work that the broker's thread does in a namespace. Waiting takes no pool thread's help, so it may be done under a lock.
/// </summary>
public sealed class NamespaceVisit<T>
{
    private readonly object _gate = new();
    private readonly Func<T> _work;
    private ExceptionDispatchInfo? _failure;
    private T _result = default!;
    private volatile bool _isFinished;

    internal NamespaceVisit(Func<T> work) => _work = work;

    /// <summary>Waits until the work is done and the thread is home again; its exception comes back as it is. Any number of times.
    /// </summary>
    /// <exception cref="NamespaceException">The namespace could not be entered.</exception>
    public T Wait()
    {
        if (!_isFinished)
        {
            lock (_gate)
            {
                while (!_isFinished)
                {
                    Monitor.Wait(_gate);
                }
            }
        }

        _failure?.Throw();
        return _result;
    }

    internal void Execute() => _result = _work();

    internal void Finish(ExceptionDispatchInfo? failure)
    {
        lock (_gate)
        {
            _failure = failure;
            _isFinished = true;
            Monitor.PulseAll(_gate);
        }
    }
}
