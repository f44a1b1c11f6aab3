namespace Calico.Linux.Namespaces;

/// <summary>A namespace could not be opened or entered.</summary>
/// <param name="errno">The errno; <see cref="Errno.Invalid"/> when what was opened is not a network namespace.</param>
/// <param name="message">What was tried, and on what.</param>
public sealed class NamespaceException(Errno errno, string message) : Exception(message)
{
    public Errno Errno { get; } = errno;
}
