namespace Calico;

/// <summary>The one exception that crosses these contracts.</summary>
/// <param name="problem">Decides the answer's code.</param>
/// <param name="message">What was being done, to which object, what came back.</param>
/// <param name="path">Path of the offending field of these contracts (<c>placement.interfaceName</c>), or null; an adapter says it in its
/// protocol's words.</param>
/// <param name="inner">The evidence, if there is any.</param>
public sealed class CalicoException(Problem problem, string message, string? path = null, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>Decides the answer's code.</summary>
    public Problem Problem => problem;

    /// <summary>Path of the offending input field, or null.</summary>
    public string? Path => path;

    /// <summary>Whether the same call may succeed later without anybody changing its input.</summary>
    public bool IsTransient => problem is Problem.Conflict or Problem.Unavailable;
}
