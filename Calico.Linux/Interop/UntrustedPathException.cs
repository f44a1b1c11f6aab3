namespace Calico.Linux;

/// <summary>A path at which somebody else than root may have put what is there.</summary>
public sealed class UntrustedPathException(string path, string reason) : IOException($"{path} {reason}")
{
    /// <summary>The file or folder that others may change; not always the one that was asked for.</summary>
    public string Path => path;
}
