
namespace Calico.Host.Health;

/// <summary>What one part answers on the control socket. A handler may throw: see <see cref="ControlApi"/>.</summary>
internal interface IControlRoutes
{
    void Map(ControlRoutes routes);
}
