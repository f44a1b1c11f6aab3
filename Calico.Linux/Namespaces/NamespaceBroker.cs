using System.Collections.Concurrent;
using System.ComponentModel;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Calico.Linux.Interop;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Namespaces;

/// <summary>The one thread that ever enters another network namespace.</summary>
/// <remarks>
/// Facts it rests on:
/// the network namespace belongs to the thread, and a pool thread that stayed in a foreign one would run strangers' work there;
/// a socket made there stays there, so callers take a socket home and go on as usual;
/// the work must be synchronous: after an await it would be on another thread, in another namespace;
/// <c>/proc/self/net</c> is the main thread's view, <c>/proc/thread-self/net</c> and <c>/proc/sys/net</c> are this thread's;
/// <c>/sys/class/net</c> still shows the host's links.
/// If the thread cannot return home the process ends: it would go on in a workload's namespace otherwise.
/// Safe to call from any thread; calls run one after the other (about 11 us each).
/// </remarks>
public sealed class NamespaceBroker : IDisposable
{
    private readonly BlockingCollection<Work> _queue = [];
    private readonly Thread _thread;
    private readonly NetworkNamespaceFile _home;

    public NamespaceBroker()
    {
        // Not /proc/self: that is the main thread's namespace, whoever calls.
        _home = NetworkNamespaceFile.OpenOwn();
        _thread = new Thread(Serve) { IsBackground = true, Name = "network namespaces" };
        _thread.Start();
    }

    /// <summary>The namespace that the thread returns to: that of the thread which made this object.</summary>
    public NamespaceIdentity Home => _home.Identity;

    /// <summary>Runs <paramref name="work"/> inside the namespace and returns its result; its exception comes back as it is.</summary>
    /// <exception cref="NamespaceException">The namespace could not be entered.</exception>
    public T Run<T>(SafeFileHandle networkNamespace, Func<T> work)
    {
        return Begin(networkNamespace, work).Wait();
    }

    /// <summary>Begins <paramref name="work"/> inside the namespace; the caller does something else before it waits for the result.
    /// </summary>
    public NamespaceVisit<T> Begin<T>(SafeFileHandle networkNamespace, Func<T> work)
    {
        ArgumentNullException.ThrowIfNull(networkNamespace);
        ArgumentNullException.ThrowIfNull(work);
        if (typeof(T).IsAssignableTo(typeof(Task)) || typeof(T) == typeof(ValueTask))
        {
            throw new ArgumentException("work in a namespace must be synchronous", nameof(work));
        }

        if (Thread.CurrentThread == _thread)
        {
            throw new InvalidOperationException("work in a namespace cannot enter another one");
        }

        var visit = new NamespaceVisit<T>(work);
        _queue.Add(new Work(networkNamespace, visit.Execute, visit.Finish));
        return visit;
    }

    /// <inheritdoc cref="Run{T}(SafeFileHandle, Func{T})"/>
    public T Run<T>(NetworkNamespaceFile networkNamespace, Func<T> work)
    {
        ArgumentNullException.ThrowIfNull(networkNamespace);
        return Run(networkNamespace.Descriptor, work);
    }

    /// <summary>Runs <paramref name="work"/> inside the namespace.</summary>
    public void Run(NetworkNamespaceFile networkNamespace, Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        Run(networkNamespace, () =>
        {
            work();
            return true;
        });
    }

    /// <summary>Makes a network namespace without a name; it lives as long as the result or a socket in it is open.</summary>
    public NetworkNamespaceFile Create() => Run(_home, () =>
    {
        // Inside Run, so the thread goes home whatever happens here.
        if (LibC.Unshare(LibC.CLONE_NEWNET) != 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            throw new NamespaceException((Errno)errno, $"make a network namespace: {new Win32Exception(errno).Message} (errno {errno})");
        }

        return NetworkNamespaceFile.OpenOwn();
    });

    /// <summary>Ends the thread after what is queued.</summary>
    public void Dispose()
    {
        if (_queue.IsAddingCompleted)
        {
            return;
        }

        _queue.CompleteAdding();
        _thread.Join();
        _queue.Dispose();
        _home.Dispose();
    }

    private void Serve()
    {
        foreach (var item in _queue.GetConsumingEnumerable())
        {
            if (Enter(item.Namespace) is { } refused)
            {
                item.Finish(ExceptionDispatchInfo.Capture(refused));
                continue;
            }

            var failure = Execute(item.Execute);
            if (LibC.SetNamespace(_home.Descriptor, LibC.CLONE_NEWNET) != 0)
            {
                Environment.FailFast($"cannot leave a foreign network namespace (errno {Marshal.GetLastPInvokeError()})");
            }

            item.Finish(failure);
        }
    }

    private static ExceptionDispatchInfo? Execute(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception e)
        {
            // The top frame of the thread: whatever it is belongs to the caller.
            return ExceptionDispatchInfo.Capture(e);
        }
    }

    private static Exception? Enter(SafeFileHandle networkNamespace)
    {
        try
        {
            if (LibC.SetNamespace(networkNamespace, LibC.CLONE_NEWNET) == 0)
            {
                return null;
            }

            var errno = Marshal.GetLastPInvokeError();
            return new NamespaceException((Errno)errno,
                $"enter a network namespace: {new Win32Exception(errno).Message} (errno {errno})");
        }
        catch (ObjectDisposedException e)
        {
            // The caller closed it while the call was queued; that is the caller's exception, not the end of this thread.
            return e;
        }
    }

    /// <summary>One call.</summary>
    /// <param name="Namespace">Where.</param>
    /// <param name="Execute">What.</param>
    /// <param name="Finish">Told once the thread is home again, with what was thrown.</param>
    private sealed record Work(SafeFileHandle Namespace, Action Execute, Action<ExceptionDispatchInfo?> Finish);
}
