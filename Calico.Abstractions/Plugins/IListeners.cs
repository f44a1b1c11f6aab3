using System.Net.Sockets;

namespace Calico;

/// <summary>The listening sockets that the host bound for this adapter.</summary>
public interface IListeners
{
    /// <summary>A duplicate of the bound, listening socket; the caller disposes it, the host keeps its own.</summary>
    /// <param name="name"><see cref="ListenerSpec.Name"/>.</param>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/> no listener of that name was asked for.</exception>
    Socket Take(string name);
}
