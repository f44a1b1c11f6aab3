namespace Calico.Plugins.Cni.Protocol;

/// <summary>A CNI error that is already in the protocol's terms.</summary>
internal sealed class CniException(int code, string message, string details = "") : Exception(message)
{
    public int Code => code;

    public string Details => details;
}
