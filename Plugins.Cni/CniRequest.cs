using Calico.Plugins.Cni.Protocol;
using Microsoft.Win32.SafeHandles;

namespace Calico.Plugins.Cni;

/// <summary>A call that has been read, and what its verb may use.</summary>
/// <param name="Call">The environment.</param>
/// <param name="Configuration">Standard input, read.</param>
/// <param name="Input">Standard input, verbatim: what a delegate gets.</param>
/// <param name="Namespace">The descriptor that came along, or null.</param>
/// <param name="Delegates">The way to other plugins.</param>
/// <param name="Timed">Counts where its time goes; null: nobody does.</param>
internal sealed record CniRequest(CniCall Call, NetworkConfiguration Configuration, ReadOnlyMemory<byte> Input, SafeFileHandle? Namespace,
    IDelegateRunner Delegates, ITimedCall? Timed = null);
