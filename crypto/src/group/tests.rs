mod convergence;
mod membership;
mod saving;
mod world;
